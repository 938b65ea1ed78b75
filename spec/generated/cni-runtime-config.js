// Made from spec/schema/cni-runtime-config.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"cni-runtime-config.json","type":"object","properties":{"portMappings":{"type":"array","items":{"$ref":"cni-types.json#/$defs/portMapping"}},"bandwidth":{"type":"object","properties":{"ingressRate":{"type":"integer","minimum":0},"ingressBurst":{"type":"integer","minimum":0},"egressRate":{"type":"integer","minimum":0},"egressBurst":{"type":"integer","minimum":0}}},"ipRanges":{"$ref":"cni-types.json#/$defs/ipamRanges"},"ips":{"type":"array","items":{"type":"string","format":"ip-or-cidr"}},"mac":{"type":"string","format":"mac"},"dns":{"type":"object","properties":{"servers":{"type":"array","items":{"type":"string"}},"searches":{"type":"array","items":{"type":"string"}},"options":{"type":"array","items":{"type":"string"}}}},"infinibandGUID":{"type":"string"},"deviceID":{"type":"string"},"aliases":{"type":"array","items":{"type":"string"}},"cgroupPath":{"type":"string"}}};
const schema33 = {"type":"object","properties":{"hostPort":{"type":"integer","minimum":0,"maximum":65535},"containerPort":{"type":"integer","minimum":0,"maximum":65535},"protocol":{"type":"string"},"hostIP":{"type":"string","format":"ip"}}};
const formats0 = FORMATS.ip.accepts;
const formats10 = FORMATS["ip-or-cidr"].accepts;
const formats12 = FORMATS.mac.accepts;
const schema34 = {"type":"array","items":{"type":"array","items":{"$ref":"#/$defs/ipamRange"}}};
const schema35 = {"type":"object","properties":{"subnet":{"type":"string","format":"cidr"},"rangeStart":{"type":"string","format":"ip"},"rangeEnd":{"type":"string","format":"ip"},"gateway":{"type":"string","format":"ip"}},"required":["subnet"]};
const formats2 = FORMATS.cidr.accepts;

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
if(Array.isArray(data0)){
const len1 = data0.length;
for(let i1=0; i1<len1; i1++){
let data1 = data0[i1];
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
if(data1.subnet === undefined){
const err0 = {instancePath:instancePath+"/" + i0+"/" + i1,schemaPath:"#/$defs/ipamRange/required",keyword:"required",params:{missingProperty: "subnet"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data1.subnet !== undefined){
let data2 = data1.subnet;
if(typeof data2 === "string"){
if(!(formats2(data2))){
const err1 = {instancePath:instancePath+"/" + i0+"/" + i1+"/subnet",schemaPath:"#/$defs/ipamRange/properties/subnet/format",keyword:"format",params:{format: "cidr"}};
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
const err2 = {instancePath:instancePath+"/" + i0+"/" + i1+"/subnet",schemaPath:"#/$defs/ipamRange/properties/subnet/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data1.rangeStart !== undefined){
let data3 = data1.rangeStart;
if(typeof data3 === "string"){
if(!(formats0(data3))){
const err3 = {instancePath:instancePath+"/" + i0+"/" + i1+"/rangeStart",schemaPath:"#/$defs/ipamRange/properties/rangeStart/format",keyword:"format",params:{format: "ip"}};
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
const err4 = {instancePath:instancePath+"/" + i0+"/" + i1+"/rangeStart",schemaPath:"#/$defs/ipamRange/properties/rangeStart/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data1.rangeEnd !== undefined){
let data4 = data1.rangeEnd;
if(typeof data4 === "string"){
if(!(formats0(data4))){
const err5 = {instancePath:instancePath+"/" + i0+"/" + i1+"/rangeEnd",schemaPath:"#/$defs/ipamRange/properties/rangeEnd/format",keyword:"format",params:{format: "ip"}};
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
const err6 = {instancePath:instancePath+"/" + i0+"/" + i1+"/rangeEnd",schemaPath:"#/$defs/ipamRange/properties/rangeEnd/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
if(data1.gateway !== undefined){
let data5 = data1.gateway;
if(typeof data5 === "string"){
if(!(formats0(data5))){
const err7 = {instancePath:instancePath+"/" + i0+"/" + i1+"/gateway",schemaPath:"#/$defs/ipamRange/properties/gateway/format",keyword:"format",params:{format: "ip"}};
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
const err8 = {instancePath:instancePath+"/" + i0+"/" + i1+"/gateway",schemaPath:"#/$defs/ipamRange/properties/gateway/type",keyword:"type",params:{type: "string"}};
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
const err9 = {instancePath:instancePath+"/" + i0+"/" + i1,schemaPath:"#/$defs/ipamRange/type",keyword:"type",params:{type: "object"}};
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
const err10 = {instancePath:instancePath+"/" + i0,schemaPath:"#/items/type",keyword:"type",params:{type: "array"}};
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
else {
const err11 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
validate22.errors = vErrors;
return errors === 0;
}
validate22.evaluated = {"items":true,"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="cni-runtime-config.json" */;
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
if(data.portMappings !== undefined){
let data0 = data.portMappings;
if(Array.isArray(data0)){
const len0 = data0.length;
for(let i0=0; i0<len0; i0++){
let data1 = data0[i0];
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
if(data1.hostPort !== undefined){
let data2 = data1.hostPort;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
const err0 = {instancePath:instancePath+"/portMappings/" + i0+"/hostPort",schemaPath:"cni-types.json#/$defs/portMapping/properties/hostPort/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 65535 || isNaN(data2)){
const err1 = {instancePath:instancePath+"/portMappings/" + i0+"/hostPort",schemaPath:"cni-types.json#/$defs/portMapping/properties/hostPort/maximum",keyword:"maximum",params:{comparison: "<=", limit: 65535}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(data2 < 0 || isNaN(data2)){
const err2 = {instancePath:instancePath+"/portMappings/" + i0+"/hostPort",schemaPath:"cni-types.json#/$defs/portMapping/properties/hostPort/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
}
if(data1.containerPort !== undefined){
let data3 = data1.containerPort;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
const err3 = {instancePath:instancePath+"/portMappings/" + i0+"/containerPort",schemaPath:"cni-types.json#/$defs/portMapping/properties/containerPort/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 65535 || isNaN(data3)){
const err4 = {instancePath:instancePath+"/portMappings/" + i0+"/containerPort",schemaPath:"cni-types.json#/$defs/portMapping/properties/containerPort/maximum",keyword:"maximum",params:{comparison: "<=", limit: 65535}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
if(data3 < 0 || isNaN(data3)){
const err5 = {instancePath:instancePath+"/portMappings/" + i0+"/containerPort",schemaPath:"cni-types.json#/$defs/portMapping/properties/containerPort/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data1.protocol !== undefined){
if(typeof data1.protocol !== "string"){
const err6 = {instancePath:instancePath+"/portMappings/" + i0+"/protocol",schemaPath:"cni-types.json#/$defs/portMapping/properties/protocol/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
if(data1.hostIP !== undefined){
let data5 = data1.hostIP;
if(typeof data5 === "string"){
if(!(formats0(data5))){
const err7 = {instancePath:instancePath+"/portMappings/" + i0+"/hostIP",schemaPath:"cni-types.json#/$defs/portMapping/properties/hostIP/format",keyword:"format",params:{format: "ip"}};
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
const err8 = {instancePath:instancePath+"/portMappings/" + i0+"/hostIP",schemaPath:"cni-types.json#/$defs/portMapping/properties/hostIP/type",keyword:"type",params:{type: "string"}};
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
const err9 = {instancePath:instancePath+"/portMappings/" + i0,schemaPath:"cni-types.json#/$defs/portMapping/type",keyword:"type",params:{type: "object"}};
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
const err10 = {instancePath:instancePath+"/portMappings",schemaPath:"#/properties/portMappings/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
if(data.bandwidth !== undefined){
let data6 = data.bandwidth;
if(data6 && typeof data6 == "object" && !Array.isArray(data6)){
if(data6.ingressRate !== undefined){
let data7 = data6.ingressRate;
if(!(((typeof data7 == "number") && (!(data7 % 1) && !isNaN(data7))) && (isFinite(data7)))){
const err11 = {instancePath:instancePath+"/bandwidth/ingressRate",schemaPath:"#/properties/bandwidth/properties/ingressRate/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
if((typeof data7 == "number") && (isFinite(data7))){
if(data7 < 0 || isNaN(data7)){
const err12 = {instancePath:instancePath+"/bandwidth/ingressRate",schemaPath:"#/properties/bandwidth/properties/ingressRate/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data6.ingressBurst !== undefined){
let data8 = data6.ingressBurst;
if(!(((typeof data8 == "number") && (!(data8 % 1) && !isNaN(data8))) && (isFinite(data8)))){
const err13 = {instancePath:instancePath+"/bandwidth/ingressBurst",schemaPath:"#/properties/bandwidth/properties/ingressBurst/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
if((typeof data8 == "number") && (isFinite(data8))){
if(data8 < 0 || isNaN(data8)){
const err14 = {instancePath:instancePath+"/bandwidth/ingressBurst",schemaPath:"#/properties/bandwidth/properties/ingressBurst/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data6.egressRate !== undefined){
let data9 = data6.egressRate;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
const err15 = {instancePath:instancePath+"/bandwidth/egressRate",schemaPath:"#/properties/bandwidth/properties/egressRate/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 < 0 || isNaN(data9)){
const err16 = {instancePath:instancePath+"/bandwidth/egressRate",schemaPath:"#/properties/bandwidth/properties/egressRate/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data6.egressBurst !== undefined){
let data10 = data6.egressBurst;
if(!(((typeof data10 == "number") && (!(data10 % 1) && !isNaN(data10))) && (isFinite(data10)))){
const err17 = {instancePath:instancePath+"/bandwidth/egressBurst",schemaPath:"#/properties/bandwidth/properties/egressBurst/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
if((typeof data10 == "number") && (isFinite(data10))){
if(data10 < 0 || isNaN(data10)){
const err18 = {instancePath:instancePath+"/bandwidth/egressBurst",schemaPath:"#/properties/bandwidth/properties/egressBurst/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
}
}
}
else {
const err19 = {instancePath:instancePath+"/bandwidth",schemaPath:"#/properties/bandwidth/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
}
if(data.ipRanges !== undefined){
if(!(validate22(data.ipRanges, {instancePath:instancePath+"/ipRanges",parentData:data,parentDataProperty:"ipRanges",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.ips !== undefined){
let data12 = data.ips;
if(Array.isArray(data12)){
const len1 = data12.length;
for(let i1=0; i1<len1; i1++){
let data13 = data12[i1];
if(typeof data13 === "string"){
if(!(formats10(data13))){
const err20 = {instancePath:instancePath+"/ips/" + i1,schemaPath:"#/properties/ips/items/format",keyword:"format",params:{format: "ip-or-cidr"}};
if(vErrors === null){
vErrors = [err20];
}
else {
vErrors.push(err20);
}
errors++;
}
}
else {
const err21 = {instancePath:instancePath+"/ips/" + i1,schemaPath:"#/properties/ips/items/type",keyword:"type",params:{type: "string"}};
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
const err22 = {instancePath:instancePath+"/ips",schemaPath:"#/properties/ips/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err22];
}
else {
vErrors.push(err22);
}
errors++;
}
}
if(data.mac !== undefined){
let data14 = data.mac;
if(typeof data14 === "string"){
if(!(formats12(data14))){
const err23 = {instancePath:instancePath+"/mac",schemaPath:"#/properties/mac/format",keyword:"format",params:{format: "mac"}};
if(vErrors === null){
vErrors = [err23];
}
else {
vErrors.push(err23);
}
errors++;
}
}
else {
const err24 = {instancePath:instancePath+"/mac",schemaPath:"#/properties/mac/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err24];
}
else {
vErrors.push(err24);
}
errors++;
}
}
if(data.dns !== undefined){
let data15 = data.dns;
if(data15 && typeof data15 == "object" && !Array.isArray(data15)){
if(data15.servers !== undefined){
let data16 = data15.servers;
if(Array.isArray(data16)){
const len2 = data16.length;
for(let i2=0; i2<len2; i2++){
if(typeof data16[i2] !== "string"){
const err25 = {instancePath:instancePath+"/dns/servers/" + i2,schemaPath:"#/properties/dns/properties/servers/items/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err25];
}
else {
vErrors.push(err25);
}
errors++;
}
}
}
else {
const err26 = {instancePath:instancePath+"/dns/servers",schemaPath:"#/properties/dns/properties/servers/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err26];
}
else {
vErrors.push(err26);
}
errors++;
}
}
if(data15.searches !== undefined){
let data18 = data15.searches;
if(Array.isArray(data18)){
const len3 = data18.length;
for(let i3=0; i3<len3; i3++){
if(typeof data18[i3] !== "string"){
const err27 = {instancePath:instancePath+"/dns/searches/" + i3,schemaPath:"#/properties/dns/properties/searches/items/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err27];
}
else {
vErrors.push(err27);
}
errors++;
}
}
}
else {
const err28 = {instancePath:instancePath+"/dns/searches",schemaPath:"#/properties/dns/properties/searches/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err28];
}
else {
vErrors.push(err28);
}
errors++;
}
}
if(data15.options !== undefined){
let data20 = data15.options;
if(Array.isArray(data20)){
const len4 = data20.length;
for(let i4=0; i4<len4; i4++){
if(typeof data20[i4] !== "string"){
const err29 = {instancePath:instancePath+"/dns/options/" + i4,schemaPath:"#/properties/dns/properties/options/items/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err29];
}
else {
vErrors.push(err29);
}
errors++;
}
}
}
else {
const err30 = {instancePath:instancePath+"/dns/options",schemaPath:"#/properties/dns/properties/options/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err30];
}
else {
vErrors.push(err30);
}
errors++;
}
}
}
else {
const err31 = {instancePath:instancePath+"/dns",schemaPath:"#/properties/dns/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err31];
}
else {
vErrors.push(err31);
}
errors++;
}
}
if(data.infinibandGUID !== undefined){
if(typeof data.infinibandGUID !== "string"){
const err32 = {instancePath:instancePath+"/infinibandGUID",schemaPath:"#/properties/infinibandGUID/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err32];
}
else {
vErrors.push(err32);
}
errors++;
}
}
if(data.deviceID !== undefined){
if(typeof data.deviceID !== "string"){
const err33 = {instancePath:instancePath+"/deviceID",schemaPath:"#/properties/deviceID/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err33];
}
else {
vErrors.push(err33);
}
errors++;
}
}
if(data.aliases !== undefined){
let data24 = data.aliases;
if(Array.isArray(data24)){
const len5 = data24.length;
for(let i5=0; i5<len5; i5++){
if(typeof data24[i5] !== "string"){
const err34 = {instancePath:instancePath+"/aliases/" + i5,schemaPath:"#/properties/aliases/items/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err34];
}
else {
vErrors.push(err34);
}
errors++;
}
}
}
else {
const err35 = {instancePath:instancePath+"/aliases",schemaPath:"#/properties/aliases/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err35];
}
else {
vErrors.push(err35);
}
errors++;
}
}
if(data.cgroupPath !== undefined){
if(typeof data.cgroupPath !== "string"){
const err36 = {instancePath:instancePath+"/cgroupPath",schemaPath:"#/properties/cgroupPath/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err36];
}
else {
vErrors.push(err36);
}
errors++;
}
}
}
else {
const err37 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err37];
}
else {
vErrors.push(err37);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"portMappings":true,"bandwidth":true,"ipRanges":true,"ips":true,"mac":true,"dns":true,"infinibandGUID":true,"deviceID":true,"aliases":true,"cgroupPath":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "runtimeConfig", shape: {"keys":{"portmappings":{"name":"portMappings","shape":{"items":{"keys":{"hostport":{"name":"hostPort"},"containerport":{"name":"containerPort"},"protocol":{"name":"protocol"},"hostip":{"name":"hostIP","emptyIsAbsent":true}}}}},"bandwidth":{"name":"bandwidth","shape":{"keys":{"ingressrate":{"name":"ingressRate"},"ingressburst":{"name":"ingressBurst"},"egressrate":{"name":"egressRate"},"egressburst":{"name":"egressBurst"}}}},"ipranges":{"name":"ipRanges","shape":{"items":{"items":{"keys":{"subnet":{"name":"subnet"},"rangestart":{"name":"rangeStart","emptyIsAbsent":true},"rangeend":{"name":"rangeEnd","emptyIsAbsent":true},"gateway":{"name":"gateway","emptyIsAbsent":true}}}}}},"ips":{"name":"ips"},"mac":{"name":"mac","emptyIsAbsent":true},"dns":{"name":"dns","shape":{"keys":{"servers":{"name":"servers"},"searches":{"name":"searches"},"options":{"name":"options"}}}},"infinibandguid":{"name":"infinibandGUID"},"deviceid":{"name":"deviceID"},"aliases":{"name":"aliases"},"cgrouppath":{"name":"cgroupPath"}}}, validate };
