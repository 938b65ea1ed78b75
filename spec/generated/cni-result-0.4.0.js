// Made from spec/schema/cni-result-0.4.0.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"cni-result-0.4.0.json","type":"object","properties":{"cniVersion":{"type":"string"},"interfaces":{"type":"array","items":{"$ref":"cni-types.json#/$defs/sandboxedInterface"}},"ips":{"type":"array","items":{"$ref":"#/$defs/ipConfig"}},"routes":{"$ref":"cni-types.json#/$defs/routes"},"dns":{"$ref":"cni-types.json#/$defs/dns"}},"$defs":{"ipConfig":{"type":"object","properties":{"version":{"enum":["4","6"]},"interface":{"type":"integer","minimum":0},"address":{"type":"string","format":"cidr"},"gateway":{"type":"string","format":"ip"}},"required":["address"]}}};
const schema33 = {"type":"object","properties":{"name":{"type":"string"},"mac":{"type":"string"},"sandbox":{"type":"string"}}};
const schema34 = {"type":"object","properties":{"version":{"enum":["4","6"]},"interface":{"type":"integer","minimum":0},"address":{"type":"string","format":"cidr"},"gateway":{"type":"string","format":"ip"}},"required":["address"]};
const schema37 = {"type":"object","properties":{"nameservers":{"type":"array","items":{"type":"string"}},"domain":{"type":"string"},"search":{"type":"array","items":{"type":"string"}},"options":{"type":"array","items":{"type":"string"}}}};
const formats0 = FORMATS.cidr.accepts;
const formats2 = FORMATS.ip.accepts;
const schema35 = {"type":"array","items":{"$ref":"#/$defs/route"}};
const schema36 = {"type":"object","properties":{"dst":{"type":"string","format":"cidr"},"gw":{"type":"string","format":"ip"},"mtu":{"type":"integer","minimum":0,"maximum":4294967295},"advmss":{"type":"integer","minimum":0,"maximum":4294967295},"priority":{"type":"integer","minimum":0,"maximum":4294967295},"table":{"type":"integer","minimum":0,"maximum":4294967295},"scope":{"type":"integer","minimum":0,"maximum":255}},"required":["dst"]};

function validate22(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate22.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(Array.isArray(data)){
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
let data0 = data[i0];
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
if(data0.dst === undefined){
const err0 = {instancePath:instancePath+"/" + i0,schemaPath:"#/$defs/route/required",keyword:"required",params:{missingProperty: "dst"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data0.dst !== undefined){
let data1 = data0.dst;
if(typeof data1 === "string"){
if(!(formats0(data1))){
const err1 = {instancePath:instancePath+"/" + i0+"/dst",schemaPath:"#/$defs/route/properties/dst/format",keyword:"format",params:{format: "cidr"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
else {
const err2 = {instancePath:instancePath+"/" + i0+"/dst",schemaPath:"#/$defs/route/properties/dst/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data0.gw !== undefined){
let data2 = data0.gw;
if(typeof data2 === "string"){
if(!(formats2(data2))){
const err3 = {instancePath:instancePath+"/" + i0+"/gw",schemaPath:"#/$defs/route/properties/gw/format",keyword:"format",params:{format: "ip"}};
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
const err4 = {instancePath:instancePath+"/" + i0+"/gw",schemaPath:"#/$defs/route/properties/gw/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data0.mtu !== undefined){
let data3 = data0.mtu;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
const err5 = {instancePath:instancePath+"/" + i0+"/mtu",schemaPath:"#/$defs/route/properties/mtu/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 4294967295 || isNaN(data3)){
const err6 = {instancePath:instancePath+"/" + i0+"/mtu",schemaPath:"#/$defs/route/properties/mtu/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if(data3 < 0 || isNaN(data3)){
const err7 = {instancePath:instancePath+"/" + i0+"/mtu",schemaPath:"#/$defs/route/properties/mtu/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data0.advmss !== undefined){
let data4 = data0.advmss;
if(!(((typeof data4 == "number") && (!(data4 % 1) && !isNaN(data4))) && (isFinite(data4)))){
const err8 = {instancePath:instancePath+"/" + i0+"/advmss",schemaPath:"#/$defs/route/properties/advmss/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
if((typeof data4 == "number") && (isFinite(data4))){
if(data4 > 4294967295 || isNaN(data4)){
const err9 = {instancePath:instancePath+"/" + i0+"/advmss",schemaPath:"#/$defs/route/properties/advmss/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
if(data4 < 0 || isNaN(data4)){
const err10 = {instancePath:instancePath+"/" + i0+"/advmss",schemaPath:"#/$defs/route/properties/advmss/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
}
if(data0.priority !== undefined){
let data5 = data0.priority;
if(!(((typeof data5 == "number") && (!(data5 % 1) && !isNaN(data5))) && (isFinite(data5)))){
const err11 = {instancePath:instancePath+"/" + i0+"/priority",schemaPath:"#/$defs/route/properties/priority/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
if((typeof data5 == "number") && (isFinite(data5))){
if(data5 > 4294967295 || isNaN(data5)){
const err12 = {instancePath:instancePath+"/" + i0+"/priority",schemaPath:"#/$defs/route/properties/priority/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295}};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
if(data5 < 0 || isNaN(data5)){
const err13 = {instancePath:instancePath+"/" + i0+"/priority",schemaPath:"#/$defs/route/properties/priority/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
}
}
if(data0.table !== undefined){
let data6 = data0.table;
if(!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))){
const err14 = {instancePath:instancePath+"/" + i0+"/table",schemaPath:"#/$defs/route/properties/table/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 > 4294967295 || isNaN(data6)){
const err15 = {instancePath:instancePath+"/" + i0+"/table",schemaPath:"#/$defs/route/properties/table/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
if(data6 < 0 || isNaN(data6)){
const err16 = {instancePath:instancePath+"/" + i0+"/table",schemaPath:"#/$defs/route/properties/table/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
}
}
if(data0.scope !== undefined){
let data7 = data0.scope;
if(!(((typeof data7 == "number") && (!(data7 % 1) && !isNaN(data7))) && (isFinite(data7)))){
const err17 = {instancePath:instancePath+"/" + i0+"/scope",schemaPath:"#/$defs/route/properties/scope/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
if((typeof data7 == "number") && (isFinite(data7))){
if(data7 > 255 || isNaN(data7)){
const err18 = {instancePath:instancePath+"/" + i0+"/scope",schemaPath:"#/$defs/route/properties/scope/maximum",keyword:"maximum",params:{comparison: "<=", limit: 255}};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
if(data7 < 0 || isNaN(data7)){
const err19 = {instancePath:instancePath+"/" + i0+"/scope",schemaPath:"#/$defs/route/properties/scope/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
}
}
}
else {
const err20 = {instancePath:instancePath+"/" + i0,schemaPath:"#/$defs/route/type",keyword:"type",params:{type: "object"}};
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
else {
const err21 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err21];
}
else {
vErrors.push(err21);
}
errors++;
}
validate22.errors = vErrors;
return errors === 0;
}
validate22.evaluated = {"items":true,"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="cni-result-0.4.0.json" */;
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
if(data.cniVersion !== undefined){
if(typeof data.cniVersion !== "string"){
const err0 = {instancePath:instancePath+"/cniVersion",schemaPath:"#/properties/cniVersion/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
if(data.interfaces !== undefined){
let data1 = data.interfaces;
if(Array.isArray(data1)){
const len0 = data1.length;
for(let i0=0; i0<len0; i0++){
let data2 = data1[i0];
if(data2 && typeof data2 == "object" && !Array.isArray(data2)){
if(data2.name !== undefined){
if(typeof data2.name !== "string"){
const err1 = {instancePath:instancePath+"/interfaces/" + i0+"/name",schemaPath:"cni-types.json#/$defs/sandboxedInterface/properties/name/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data2.mac !== undefined){
if(typeof data2.mac !== "string"){
const err2 = {instancePath:instancePath+"/interfaces/" + i0+"/mac",schemaPath:"cni-types.json#/$defs/sandboxedInterface/properties/mac/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data2.sandbox !== undefined){
if(typeof data2.sandbox !== "string"){
const err3 = {instancePath:instancePath+"/interfaces/" + i0+"/sandbox",schemaPath:"cni-types.json#/$defs/sandboxedInterface/properties/sandbox/type",keyword:"type",params:{type: "string"}};
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
else {
const err4 = {instancePath:instancePath+"/interfaces/" + i0,schemaPath:"cni-types.json#/$defs/sandboxedInterface/type",keyword:"type",params:{type: "object"}};
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
const err5 = {instancePath:instancePath+"/interfaces",schemaPath:"#/properties/interfaces/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.ips !== undefined){
let data6 = data.ips;
if(Array.isArray(data6)){
const len1 = data6.length;
for(let i1=0; i1<len1; i1++){
let data7 = data6[i1];
if(data7 && typeof data7 == "object" && !Array.isArray(data7)){
if(data7.address === undefined){
const err6 = {instancePath:instancePath+"/ips/" + i1,schemaPath:"#/$defs/ipConfig/required",keyword:"required",params:{missingProperty: "address"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if(data7.version !== undefined){
let data8 = data7.version;
if(!((data8 === "4") || (data8 === "6"))){
const err7 = {instancePath:instancePath+"/ips/" + i1+"/version",schemaPath:"#/$defs/ipConfig/properties/version/enum",keyword:"enum",params:{allowedValues: schema34.properties.version.enum}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
if(data7.interface !== undefined){
let data9 = data7.interface;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
const err8 = {instancePath:instancePath+"/ips/" + i1+"/interface",schemaPath:"#/$defs/ipConfig/properties/interface/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 < 0 || isNaN(data9)){
const err9 = {instancePath:instancePath+"/ips/" + i1+"/interface",schemaPath:"#/$defs/ipConfig/properties/interface/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data7.address !== undefined){
let data10 = data7.address;
if(typeof data10 === "string"){
if(!(formats0(data10))){
const err10 = {instancePath:instancePath+"/ips/" + i1+"/address",schemaPath:"#/$defs/ipConfig/properties/address/format",keyword:"format",params:{format: "cidr"}};
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
const err11 = {instancePath:instancePath+"/ips/" + i1+"/address",schemaPath:"#/$defs/ipConfig/properties/address/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
if(data7.gateway !== undefined){
let data11 = data7.gateway;
if(typeof data11 === "string"){
if(!(formats2(data11))){
const err12 = {instancePath:instancePath+"/ips/" + i1+"/gateway",schemaPath:"#/$defs/ipConfig/properties/gateway/format",keyword:"format",params:{format: "ip"}};
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
const err13 = {instancePath:instancePath+"/ips/" + i1+"/gateway",schemaPath:"#/$defs/ipConfig/properties/gateway/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
}
}
else {
const err14 = {instancePath:instancePath+"/ips/" + i1,schemaPath:"#/$defs/ipConfig/type",keyword:"type",params:{type: "object"}};
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
const err15 = {instancePath:instancePath+"/ips",schemaPath:"#/properties/ips/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
}
if(data.routes !== undefined){
if(!(validate22(data.routes, {instancePath:instancePath+"/routes",parentData:data,parentDataProperty:"routes",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.dns !== undefined){
let data13 = data.dns;
if(data13 && typeof data13 == "object" && !Array.isArray(data13)){
if(data13.nameservers !== undefined){
let data14 = data13.nameservers;
if(Array.isArray(data14)){
const len2 = data14.length;
for(let i2=0; i2<len2; i2++){
if(typeof data14[i2] !== "string"){
const err16 = {instancePath:instancePath+"/dns/nameservers/" + i2,schemaPath:"cni-types.json#/$defs/dns/properties/nameservers/items/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
}
}
else {
const err17 = {instancePath:instancePath+"/dns/nameservers",schemaPath:"cni-types.json#/$defs/dns/properties/nameservers/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
}
if(data13.domain !== undefined){
if(typeof data13.domain !== "string"){
const err18 = {instancePath:instancePath+"/dns/domain",schemaPath:"cni-types.json#/$defs/dns/properties/domain/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
}
if(data13.search !== undefined){
let data17 = data13.search;
if(Array.isArray(data17)){
const len3 = data17.length;
for(let i3=0; i3<len3; i3++){
if(typeof data17[i3] !== "string"){
const err19 = {instancePath:instancePath+"/dns/search/" + i3,schemaPath:"cni-types.json#/$defs/dns/properties/search/items/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
}
}
else {
const err20 = {instancePath:instancePath+"/dns/search",schemaPath:"cni-types.json#/$defs/dns/properties/search/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err20];
}
else {
vErrors.push(err20);
}
errors++;
}
}
if(data13.options !== undefined){
let data19 = data13.options;
if(Array.isArray(data19)){
const len4 = data19.length;
for(let i4=0; i4<len4; i4++){
if(typeof data19[i4] !== "string"){
const err21 = {instancePath:instancePath+"/dns/options/" + i4,schemaPath:"cni-types.json#/$defs/dns/properties/options/items/type",keyword:"type",params:{type: "string"}};
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
const err22 = {instancePath:instancePath+"/dns/options",schemaPath:"cni-types.json#/$defs/dns/properties/options/type",keyword:"type",params:{type: "array"}};
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
const err23 = {instancePath:instancePath+"/dns",schemaPath:"cni-types.json#/$defs/dns/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err23];
}
else {
vErrors.push(err23);
}
errors++;
}
}
}
else {
const err24 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err24];
}
else {
vErrors.push(err24);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"cniVersion":true,"interfaces":true,"ips":true,"routes":true,"dns":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "CNI result", shape: {"keys":{"cniversion":{"name":"cniVersion","emptyIsAbsent":true},"interfaces":{"name":"interfaces","shape":{"items":{"keys":{"name":{"name":"name"},"mac":{"name":"mac","emptyIsAbsent":true},"sandbox":{"name":"sandbox","emptyIsAbsent":true}}}}},"ips":{"name":"ips","shape":{"items":{"keys":{"version":{"name":"version"},"interface":{"name":"interface"},"address":{"name":"address"},"gateway":{"name":"gateway","emptyIsAbsent":true}}}}},"routes":{"name":"routes","shape":{"items":{"keys":{"dst":{"name":"dst"},"gw":{"name":"gw","emptyIsAbsent":true},"mtu":{"name":"mtu"},"advmss":{"name":"advmss"},"priority":{"name":"priority"},"table":{"name":"table"},"scope":{"name":"scope"}}}}},"dns":{"name":"dns","shape":{"keys":{"nameservers":{"name":"nameservers"},"domain":{"name":"domain"},"search":{"name":"search"},"options":{"name":"options"}}}}}}, validate };
