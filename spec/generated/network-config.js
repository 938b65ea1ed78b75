// Made from spec/schema/network-config.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"network-config.json","type":"object","properties":{"EnableIPv4":{"type":"boolean"},"EnableIPv6":{"type":"boolean"},"EnableNFTables":{"type":"boolean"},"Network":{"type":"string","format":"ipv4-cidr"},"SubnetMin":{"type":"string","format":"ipv4"},"SubnetMax":{"type":"string","format":"ipv4"},"SubnetLen":{"type":"integer","minimum":0,"maximum":32},"IPv6Network":{"type":"string","format":"ipv6-cidr"},"IPv6SubnetMin":{"type":"string","format":"ipv6"},"IPv6SubnetMax":{"type":"string","format":"ipv6"},"IPv6SubnetLen":{"type":"integer","minimum":0,"maximum":128},"Backend":{"type":"object","properties":{"Type":{"type":"string"}}}}};
const formats0 = FORMATS["ipv4-cidr"].accepts;
const formats2 = FORMATS.ipv4.accepts;
const formats6 = FORMATS["ipv6-cidr"].accepts;
const formats8 = FORMATS.ipv6.accepts;

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="network-config.json" */;
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
if(data.EnableIPv4 !== undefined){
if(typeof data.EnableIPv4 !== "boolean"){
const err0 = {instancePath:instancePath+"/EnableIPv4",schemaPath:"#/properties/EnableIPv4/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
if(data.EnableIPv6 !== undefined){
if(typeof data.EnableIPv6 !== "boolean"){
const err1 = {instancePath:instancePath+"/EnableIPv6",schemaPath:"#/properties/EnableIPv6/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data.EnableNFTables !== undefined){
if(typeof data.EnableNFTables !== "boolean"){
const err2 = {instancePath:instancePath+"/EnableNFTables",schemaPath:"#/properties/EnableNFTables/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data.Network !== undefined){
let data3 = data.Network;
if(typeof data3 === "string"){
if(!(formats0(data3))){
const err3 = {instancePath:instancePath+"/Network",schemaPath:"#/properties/Network/format",keyword:"format",params:{format: "ipv4-cidr"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
else {
const err4 = {instancePath:instancePath+"/Network",schemaPath:"#/properties/Network/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.SubnetMin !== undefined){
let data4 = data.SubnetMin;
if(typeof data4 === "string"){
if(!(formats2(data4))){
const err5 = {instancePath:instancePath+"/SubnetMin",schemaPath:"#/properties/SubnetMin/format",keyword:"format",params:{format: "ipv4"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
else {
const err6 = {instancePath:instancePath+"/SubnetMin",schemaPath:"#/properties/SubnetMin/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
if(data.SubnetMax !== undefined){
let data5 = data.SubnetMax;
if(typeof data5 === "string"){
if(!(formats2(data5))){
const err7 = {instancePath:instancePath+"/SubnetMax",schemaPath:"#/properties/SubnetMax/format",keyword:"format",params:{format: "ipv4"}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
else {
const err8 = {instancePath:instancePath+"/SubnetMax",schemaPath:"#/properties/SubnetMax/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
if(data.SubnetLen !== undefined){
let data6 = data.SubnetLen;
if(!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))){
const err9 = {instancePath:instancePath+"/SubnetLen",schemaPath:"#/properties/SubnetLen/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 > 32 || isNaN(data6)){
const err10 = {instancePath:instancePath+"/SubnetLen",schemaPath:"#/properties/SubnetLen/maximum",keyword:"maximum",params:{comparison: "<=", limit: 32}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
if(data6 < 0 || isNaN(data6)){
const err11 = {instancePath:instancePath+"/SubnetLen",schemaPath:"#/properties/SubnetLen/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
}
if(data.IPv6Network !== undefined){
let data7 = data.IPv6Network;
if(typeof data7 === "string"){
if(!(formats6(data7))){
const err12 = {instancePath:instancePath+"/IPv6Network",schemaPath:"#/properties/IPv6Network/format",keyword:"format",params:{format: "ipv6-cidr"}};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
else {
const err13 = {instancePath:instancePath+"/IPv6Network",schemaPath:"#/properties/IPv6Network/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
}
if(data.IPv6SubnetMin !== undefined){
let data8 = data.IPv6SubnetMin;
if(typeof data8 === "string"){
if(!(formats8(data8))){
const err14 = {instancePath:instancePath+"/IPv6SubnetMin",schemaPath:"#/properties/IPv6SubnetMin/format",keyword:"format",params:{format: "ipv6"}};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
}
else {
const err15 = {instancePath:instancePath+"/IPv6SubnetMin",schemaPath:"#/properties/IPv6SubnetMin/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
}
if(data.IPv6SubnetMax !== undefined){
let data9 = data.IPv6SubnetMax;
if(typeof data9 === "string"){
if(!(formats8(data9))){
const err16 = {instancePath:instancePath+"/IPv6SubnetMax",schemaPath:"#/properties/IPv6SubnetMax/format",keyword:"format",params:{format: "ipv6"}};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
}
else {
const err17 = {instancePath:instancePath+"/IPv6SubnetMax",schemaPath:"#/properties/IPv6SubnetMax/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
}
if(data.IPv6SubnetLen !== undefined){
let data10 = data.IPv6SubnetLen;
if(!(((typeof data10 == "number") && (!(data10 % 1) && !isNaN(data10))) && (isFinite(data10)))){
const err18 = {instancePath:instancePath+"/IPv6SubnetLen",schemaPath:"#/properties/IPv6SubnetLen/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
if((typeof data10 == "number") && (isFinite(data10))){
if(data10 > 128 || isNaN(data10)){
const err19 = {instancePath:instancePath+"/IPv6SubnetLen",schemaPath:"#/properties/IPv6SubnetLen/maximum",keyword:"maximum",params:{comparison: "<=", limit: 128}};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
if(data10 < 0 || isNaN(data10)){
const err20 = {instancePath:instancePath+"/IPv6SubnetLen",schemaPath:"#/properties/IPv6SubnetLen/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err20];
}
else {
vErrors.push(err20);
}
errors++;
}
}
}
if(data.Backend !== undefined){
let data11 = data.Backend;
if(data11 && typeof data11 == "object" && !Array.isArray(data11)){
if(data11.Type !== undefined){
if(typeof data11.Type !== "string"){
const err21 = {instancePath:instancePath+"/Backend/Type",schemaPath:"#/properties/Backend/properties/Type/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err21];
}
else {
vErrors.push(err21);
}
errors++;
}
}
}
else {
const err22 = {instancePath:instancePath+"/Backend",schemaPath:"#/properties/Backend/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err22];
}
else {
vErrors.push(err22);
}
errors++;
}
}
}
else {
const err23 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err23];
}
else {
vErrors.push(err23);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"EnableIPv4":true,"EnableIPv6":true,"EnableNFTables":true,"Network":true,"SubnetMin":true,"SubnetMax":true,"SubnetLen":true,"IPv6Network":true,"IPv6SubnetMin":true,"IPv6SubnetMax":true,"IPv6SubnetLen":true,"Backend":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "network configuration", shape: {"keys":{"enableipv4":{"name":"EnableIPv4"},"enableipv6":{"name":"EnableIPv6"},"enablenftables":{"name":"EnableNFTables"},"network":{"name":"Network"},"subnetmin":{"name":"SubnetMin"},"subnetmax":{"name":"SubnetMax"},"subnetlen":{"name":"SubnetLen"},"ipv6network":{"name":"IPv6Network"},"ipv6subnetmin":{"name":"IPv6SubnetMin"},"ipv6subnetmax":{"name":"IPv6SubnetMax"},"ipv6subnetlen":{"name":"IPv6SubnetLen"},"backend":{"name":"Backend","shape":{"keys":{"type":{"name":"Type"}}}}}}, validate };
