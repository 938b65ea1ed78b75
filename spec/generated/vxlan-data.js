// Made from spec/schema/vxlan-data.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"vxlan-data.json","type":"object","properties":{"VNI":{"type":"integer","minimum":0,"maximum":16777215},"VtepMAC":{"type":"string","format":"mac"}},"required":["VtepMAC"]};
const formats0 = FORMATS.mac.accepts;

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="vxlan-data.json" */;
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
if(data.VtepMAC === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "VtepMAC"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.VNI !== undefined){
let data0 = data.VNI;
if(!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))){
const err1 = {instancePath:instancePath+"/VNI",schemaPath:"#/properties/VNI/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 > 16777215 || isNaN(data0)){
const err2 = {instancePath:instancePath+"/VNI",schemaPath:"#/properties/VNI/maximum",keyword:"maximum",params:{comparison: "<=", limit: 16777215}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(data0 < 0 || isNaN(data0)){
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
if(data.VtepMAC !== undefined){
let data1 = data.VtepMAC;
if(typeof data1 === "string"){
if(!(formats0(data1))){
const err4 = {instancePath:instancePath+"/VtepMAC",schemaPath:"#/properties/VtepMAC/format",keyword:"format",params:{format: "mac"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
else {
const err5 = {instancePath:instancePath+"/VtepMAC",schemaPath:"#/properties/VtepMAC/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
}
else {
const err6 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"VNI":true,"VtepMAC":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "vxlan data of a lease", shape: {"keys":{"vni":{"name":"VNI"},"vtepmac":{"name":"VtepMAC"}}}, validate };
