// Made from spec/schema/backend-vxlan.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"backend-vxlan.json","type":"object","properties":{"Type":{"type":"string"},"VNI":{"type":"integer","minimum":0,"maximum":16777215},"Port":{"type":"integer","minimum":0,"maximum":65535},"MTU":{"type":"integer","minimum":0,"maximum":65535},"GBP":{"type":"boolean"},"Learning":{"type":"boolean"},"DirectRouting":{"type":"boolean"},"MacPrefix":{"type":"string","format":"mac-prefix"}}};
const formats0 = FORMATS["mac-prefix"].accepts;

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="backend-vxlan.json" */;
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
if(data.Type !== undefined){
if(typeof data.Type !== "string"){
const err0 = {instancePath:instancePath+"/Type",schemaPath:"#/properties/Type/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
if(data.VNI !== undefined){
let data1 = data.VNI;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
const err1 = {instancePath:instancePath+"/VNI",schemaPath:"#/properties/VNI/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 16777215 || isNaN(data1)){
const err2 = {instancePath:instancePath+"/VNI",schemaPath:"#/properties/VNI/maximum",keyword:"maximum",params:{comparison: "<=", limit: 16777215}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(data1 < 0 || isNaN(data1)){
const err3 = {instancePath:instancePath+"/VNI",schemaPath:"#/properties/VNI/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
}
if(data.Port !== undefined){
let data2 = data.Port;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
const err4 = {instancePath:instancePath+"/Port",schemaPath:"#/properties/Port/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 65535 || isNaN(data2)){
const err5 = {instancePath:instancePath+"/Port",schemaPath:"#/properties/Port/maximum",keyword:"maximum",params:{comparison: "<=", limit: 65535}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
if(data2 < 0 || isNaN(data2)){
const err6 = {instancePath:instancePath+"/Port",schemaPath:"#/properties/Port/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
}
if(data.MTU !== undefined){
let data3 = data.MTU;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
const err7 = {instancePath:instancePath+"/MTU",schemaPath:"#/properties/MTU/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 65535 || isNaN(data3)){
const err8 = {instancePath:instancePath+"/MTU",schemaPath:"#/properties/MTU/maximum",keyword:"maximum",params:{comparison: "<=", limit: 65535}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
if(data3 < 0 || isNaN(data3)){
const err9 = {instancePath:instancePath+"/MTU",schemaPath:"#/properties/MTU/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.GBP !== undefined){
if(typeof data.GBP !== "boolean"){
const err10 = {instancePath:instancePath+"/GBP",schemaPath:"#/properties/GBP/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
if(data.Learning !== undefined){
if(typeof data.Learning !== "boolean"){
const err11 = {instancePath:instancePath+"/Learning",schemaPath:"#/properties/Learning/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
if(data.DirectRouting !== undefined){
if(typeof data.DirectRouting !== "boolean"){
const err12 = {instancePath:instancePath+"/DirectRouting",schemaPath:"#/properties/DirectRouting/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
if(data.MacPrefix !== undefined){
let data7 = data.MacPrefix;
if(typeof data7 === "string"){
if(!(formats0(data7))){
const err13 = {instancePath:instancePath+"/MacPrefix",schemaPath:"#/properties/MacPrefix/format",keyword:"format",params:{format: "mac-prefix"}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
}
else {
const err14 = {instancePath:instancePath+"/MacPrefix",schemaPath:"#/properties/MacPrefix/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
}
}
else {
const err15 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"Type":true,"VNI":true,"Port":true,"MTU":true,"GBP":true,"Learning":true,"DirectRouting":true,"MacPrefix":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "Backend of type vxlan", shape: {"keys":{"type":{"name":"Type"},"vni":{"name":"VNI"},"port":{"name":"Port"},"mtu":{"name":"MTU"},"gbp":{"name":"GBP"},"learning":{"name":"Learning"},"directrouting":{"name":"DirectRouting"},"macprefix":{"name":"MacPrefix"}}}, validate };
