// Made from spec/schema/lease.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"lease.json","type":"object","properties":{"PublicIP":{"type":"string","format":"ipv4"},"PublicIPv6":{"type":"string","format":"ipv6"},"BackendType":{"type":"string"},"BackendData":{},"BackendV6Data":{},"NodeID":{"type":"string"},"Epoch":{"type":"integer","minimum":0},"Vacated":{"type":"array","items":{"type":"string"}}}};
const formats0 = FORMATS.ipv4.accepts;
const formats2 = FORMATS.ipv6.accepts;

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="lease.json" */;
let vErrors = null;
let errors = 0;
const evaluated0 = validate20.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.PublicIP !== undefined){
let data0 = data.PublicIP;
if(typeof data0 === "string"){
if(!(formats0(data0))){
const err0 = {instancePath:instancePath+"/PublicIP",schemaPath:"#/properties/PublicIP/format",keyword:"format",params:{format: "ipv4"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
else {
const err1 = {instancePath:instancePath+"/PublicIP",schemaPath:"#/properties/PublicIP/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data.PublicIPv6 !== undefined){
let data1 = data.PublicIPv6;
if(typeof data1 === "string"){
if(!(formats2(data1))){
const err2 = {instancePath:instancePath+"/PublicIPv6",schemaPath:"#/properties/PublicIPv6/format",keyword:"format",params:{format: "ipv6"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
else {
const err3 = {instancePath:instancePath+"/PublicIPv6",schemaPath:"#/properties/PublicIPv6/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data.BackendType !== undefined){
if(typeof data.BackendType !== "string"){
const err4 = {instancePath:instancePath+"/BackendType",schemaPath:"#/properties/BackendType/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.NodeID !== undefined){
if(typeof data.NodeID !== "string"){
const err5 = {instancePath:instancePath+"/NodeID",schemaPath:"#/properties/NodeID/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.Epoch !== undefined){
let data4 = data.Epoch;
if(!(((typeof data4 == "number") && (!(data4 % 1) && !isNaN(data4))) && (isFinite(data4)))){
const err6 = {instancePath:instancePath+"/Epoch",schemaPath:"#/properties/Epoch/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if((typeof data4 == "number") && (isFinite(data4))){
if(data4 < 0 || isNaN(data4)){
const err7 = {instancePath:instancePath+"/Epoch",schemaPath:"#/properties/Epoch/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
}
if(data.Vacated !== undefined){
let data5 = data.Vacated;
if(Array.isArray(data5)){
const len0 = data5.length;
for(let i0=0; i0<len0; i0++){
if(typeof data5[i0] !== "string"){
const err8 = {instancePath:instancePath+"/Vacated/" + i0,schemaPath:"#/properties/Vacated/items/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
}
else {
const err9 = {instancePath:instancePath+"/Vacated",schemaPath:"#/properties/Vacated/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
}
}
else {
const err10 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"PublicIP":true,"PublicIPv6":true,"BackendType":true,"BackendData":true,"BackendV6Data":true,"NodeID":true,"Epoch":true,"Vacated":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "lease", shape: {"keys":{"publicip":{"name":"PublicIP"},"publicipv6":{"name":"PublicIPv6"},"backendtype":{"name":"BackendType"},"backenddata":{"name":"BackendData"},"backendv6data":{"name":"BackendV6Data"},"nodeid":{"name":"NodeID"},"epoch":{"name":"Epoch"},"vacated":{"name":"Vacated"}}}, validate };
