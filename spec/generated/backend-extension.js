// Made from spec/schema/backend-extension.json by daemon/build/validators.ts (npm run generate). Do not edit.
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"backend-extension.json","type":"object","properties":{"Type":{"type":"string"},"PreStartupCommand":{"type":"string"},"PostStartupCommand":{"type":"string"},"SubnetAddCommand":{"type":"string"},"SubnetRemoveCommand":{"type":"string"},"ShutdownCommand":{"type":"string"}}};

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="backend-extension.json" */;
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
if(data.PreStartupCommand !== undefined){
if(typeof data.PreStartupCommand !== "string"){
const err1 = {instancePath:instancePath+"/PreStartupCommand",schemaPath:"#/properties/PreStartupCommand/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data.PostStartupCommand !== undefined){
if(typeof data.PostStartupCommand !== "string"){
const err2 = {instancePath:instancePath+"/PostStartupCommand",schemaPath:"#/properties/PostStartupCommand/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data.SubnetAddCommand !== undefined){
if(typeof data.SubnetAddCommand !== "string"){
const err3 = {instancePath:instancePath+"/SubnetAddCommand",schemaPath:"#/properties/SubnetAddCommand/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data.SubnetRemoveCommand !== undefined){
if(typeof data.SubnetRemoveCommand !== "string"){
const err4 = {instancePath:instancePath+"/SubnetRemoveCommand",schemaPath:"#/properties/SubnetRemoveCommand/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.ShutdownCommand !== undefined){
if(typeof data.ShutdownCommand !== "string"){
const err5 = {instancePath:instancePath+"/ShutdownCommand",schemaPath:"#/properties/ShutdownCommand/type",keyword:"type",params:{type: "string"}};
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
validate20.evaluated = {"props":{"Type":true,"PreStartupCommand":true,"PostStartupCommand":true,"SubnetAddCommand":true,"SubnetRemoveCommand":true,"ShutdownCommand":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "Backend of type extension", shape: {"keys":{"type":{"name":"Type"},"prestartupcommand":{"name":"PreStartupCommand"},"poststartupcommand":{"name":"PostStartupCommand"},"subnetaddcommand":{"name":"SubnetAddCommand"},"subnetremovecommand":{"name":"SubnetRemoveCommand"},"shutdowncommand":{"name":"ShutdownCommand"}}}, validate };
