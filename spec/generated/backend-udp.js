// Made from spec/schema/backend-udp.json by daemon/build/validators.ts (npm run generate). Do not edit.
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"backend-udp.json","type":"object","properties":{"Type":{"type":"string"},"Port":{"type":"integer","minimum":0,"maximum":65535},"Datapath":{"enum":["auto","kernel","userspace"]}}};

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="backend-udp.json" */;
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
if(data.Port !== undefined){
let data1 = data.Port;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
const err1 = {instancePath:instancePath+"/Port",schemaPath:"#/properties/Port/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 65535 || isNaN(data1)){
const err2 = {instancePath:instancePath+"/Port",schemaPath:"#/properties/Port/maximum",keyword:"maximum",params:{comparison: "<=", limit: 65535}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(data1 < 0 || isNaN(data1)){
const err3 = {instancePath:instancePath+"/Port",schemaPath:"#/properties/Port/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.Datapath !== undefined){
let data2 = data.Datapath;
if(!(((data2 === "auto") || (data2 === "kernel")) || (data2 === "userspace"))){
const err4 = {instancePath:instancePath+"/Datapath",schemaPath:"#/properties/Datapath/enum",keyword:"enum",params:{allowedValues: schema31.properties.Datapath.enum}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
}
else {
const err5 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"Type":true,"Port":true,"Datapath":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "Backend of type udp", shape: {"keys":{"type":{"name":"Type"},"port":{"name":"Port"},"datapath":{"name":"Datapath"}}}, validate };
