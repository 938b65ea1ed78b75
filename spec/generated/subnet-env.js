// Made from spec/schema/subnet-env.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"subnet-env.json","type":"object","properties":{"FLANNEL_NETWORK":{"type":"string","format":"ipv4-cidr-list"},"FLANNEL_SUBNET":{"type":"string","format":"ipv4-cidr"},"FLANNEL_IPV6_NETWORK":{"type":"string","format":"ipv6-cidr-list"},"FLANNEL_IPV6_SUBNET":{"type":"string","format":"ipv6-cidr"},"FLANNEL_MTU":{"type":"string","format":"decimal"},"FLANNEL_IPMASQ":{"type":"string"}},"required":["FLANNEL_MTU","FLANNEL_IPMASQ"]};
const formats0 = FORMATS["ipv4-cidr-list"].accepts;
const formats2 = FORMATS["ipv4-cidr"].accepts;
const formats4 = FORMATS["ipv6-cidr-list"].accepts;
const formats6 = FORMATS["ipv6-cidr"].accepts;
const formats8 = FORMATS.decimal.accepts;

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="subnet-env.json" */;
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
if(data.FLANNEL_MTU === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "FLANNEL_MTU"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.FLANNEL_IPMASQ === undefined){
const err1 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "FLANNEL_IPMASQ"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(data.FLANNEL_NETWORK !== undefined){
let data0 = data.FLANNEL_NETWORK;
if(typeof data0 === "string"){
if(!(formats0(data0))){
const err2 = {instancePath:instancePath+"/FLANNEL_NETWORK",schemaPath:"#/properties/FLANNEL_NETWORK/format",keyword:"format",params:{format: "ipv4-cidr-list"}};
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
const err3 = {instancePath:instancePath+"/FLANNEL_NETWORK",schemaPath:"#/properties/FLANNEL_NETWORK/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data.FLANNEL_SUBNET !== undefined){
let data1 = data.FLANNEL_SUBNET;
if(typeof data1 === "string"){
if(!(formats2(data1))){
const err4 = {instancePath:instancePath+"/FLANNEL_SUBNET",schemaPath:"#/properties/FLANNEL_SUBNET/format",keyword:"format",params:{format: "ipv4-cidr"}};
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
const err5 = {instancePath:instancePath+"/FLANNEL_SUBNET",schemaPath:"#/properties/FLANNEL_SUBNET/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.FLANNEL_IPV6_NETWORK !== undefined){
let data2 = data.FLANNEL_IPV6_NETWORK;
if(typeof data2 === "string"){
if(!(formats4(data2))){
const err6 = {instancePath:instancePath+"/FLANNEL_IPV6_NETWORK",schemaPath:"#/properties/FLANNEL_IPV6_NETWORK/format",keyword:"format",params:{format: "ipv6-cidr-list"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
else {
const err7 = {instancePath:instancePath+"/FLANNEL_IPV6_NETWORK",schemaPath:"#/properties/FLANNEL_IPV6_NETWORK/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
if(data.FLANNEL_IPV6_SUBNET !== undefined){
let data3 = data.FLANNEL_IPV6_SUBNET;
if(typeof data3 === "string"){
if(!(formats6(data3))){
const err8 = {instancePath:instancePath+"/FLANNEL_IPV6_SUBNET",schemaPath:"#/properties/FLANNEL_IPV6_SUBNET/format",keyword:"format",params:{format: "ipv6-cidr"}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
else {
const err9 = {instancePath:instancePath+"/FLANNEL_IPV6_SUBNET",schemaPath:"#/properties/FLANNEL_IPV6_SUBNET/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
}
if(data.FLANNEL_MTU !== undefined){
let data4 = data.FLANNEL_MTU;
if(typeof data4 === "string"){
if(!(formats8(data4))){
const err10 = {instancePath:instancePath+"/FLANNEL_MTU",schemaPath:"#/properties/FLANNEL_MTU/format",keyword:"format",params:{format: "decimal"}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
else {
const err11 = {instancePath:instancePath+"/FLANNEL_MTU",schemaPath:"#/properties/FLANNEL_MTU/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
if(data.FLANNEL_IPMASQ !== undefined){
if(typeof data.FLANNEL_IPMASQ !== "string"){
const err12 = {instancePath:instancePath+"/FLANNEL_IPMASQ",schemaPath:"#/properties/FLANNEL_IPMASQ/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
}
else {
const err13 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"FLANNEL_NETWORK":true,"FLANNEL_SUBNET":true,"FLANNEL_IPV6_NETWORK":true,"FLANNEL_IPV6_SUBNET":true,"FLANNEL_MTU":true,"FLANNEL_IPMASQ":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "subnet file", shape: {"keys":{"flannel_network":{"name":"FLANNEL_NETWORK"},"flannel_subnet":{"name":"FLANNEL_SUBNET"},"flannel_ipv6_network":{"name":"FLANNEL_IPV6_NETWORK"},"flannel_ipv6_subnet":{"name":"FLANNEL_IPV6_SUBNET"},"flannel_mtu":{"name":"FLANNEL_MTU"},"flannel_ipmasq":{"name":"FLANNEL_IPMASQ"}}}, validate };
