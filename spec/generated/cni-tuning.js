// Made from spec/schema/cni-tuning.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"cni-tuning.json","type":"object","allOf":[{"$ref":"cni-net-conf.json"}],"properties":{"sysctl":{"$ref":"#/$defs/sysctl"},"mac":{"type":"string","format":"mac"},"promisc":{"type":"boolean"},"mtu":{"type":"integer","minimum":0,"maximum":2147483647},"allmulti":{"type":"boolean"},"txQLen":{"type":"integer","minimum":0,"maximum":4294967295},"dataDir":{"type":"string"},"args":{"type":"object","properties":{"cni":{"type":"object","properties":{"sysctl":{"$ref":"#/$defs/sysctl"},"mac":{"type":"string","format":"mac"},"promisc":{"type":"boolean"},"mtu":{"type":"integer","minimum":0,"maximum":2147483647},"allmulti":{"type":"boolean"},"txQLen":{"type":"integer","minimum":0,"maximum":4294967295}}}}},"runtimeConfig":{"type":"object","properties":{"mac":{"type":"string","format":"mac"}}}},"$defs":{"sysctl":{"type":"object","additionalProperties":{"type":"string"}}}};
const schema37 = {"type":"object","additionalProperties":{"type":"string"}};
const schema32 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"cni-net-conf.json","type":"object","properties":{"cniVersion":{"type":"string"},"name":{"type":"string","format":"cni-name"},"type":{"type":"string"},"capabilities":{"type":"object","additionalProperties":{"type":"boolean"}},"dns":{"$ref":"cni-types.json#/$defs/dns"},"prevResult":{"type":"object"},"cni.dev/valid-attachments":{"type":"array","items":{"$ref":"cni-types.json#/$defs/attachment"}},"cni.dev/attachments":{"type":"array","items":{"$ref":"cni-types.json#/$defs/attachment"}}}};
const schema34 = {"type":"object","properties":{"nameservers":{"type":"array","items":{"type":"string"}},"domain":{"type":"string"},"search":{"type":"array","items":{"type":"string"}},"options":{"type":"array","items":{"type":"string"}}}};
const schema35 = {"type":"object","properties":{"containerID":{"type":"string"},"ifname":{"type":"string"}},"required":["containerID","ifname"]};
const formats0 = FORMATS["cni-name"].accepts;

function validate21(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="cni-net-conf.json" */;
let vErrors = null;
let errors = 0;
const evaluated0 = validate21.evaluated;
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
if(data.name !== undefined){
let data1 = data.name;
if(typeof data1 === "string"){
if(!(formats0(data1))){
const err1 = {instancePath:instancePath+"/name",schemaPath:"#/properties/name/format",keyword:"format",params:{format: "cni-name"}};
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
const err2 = {instancePath:instancePath+"/name",schemaPath:"#/properties/name/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data.type !== undefined){
if(typeof data.type !== "string"){
const err3 = {instancePath:instancePath+"/type",schemaPath:"#/properties/type/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data.capabilities !== undefined){
let data3 = data.capabilities;
if(data3 && typeof data3 == "object" && !Array.isArray(data3)){
for(const key0 in data3){
if(typeof data3[key0] !== "boolean"){
const err4 = {instancePath:instancePath+"/capabilities/" + key0.replace(/~/g, "~0").replace(/\//g, "~1"),schemaPath:"#/properties/capabilities/additionalProperties/type",keyword:"type",params:{type: "boolean"}};
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
const err5 = {instancePath:instancePath+"/capabilities",schemaPath:"#/properties/capabilities/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.dns !== undefined){
let data5 = data.dns;
if(data5 && typeof data5 == "object" && !Array.isArray(data5)){
if(data5.nameservers !== undefined){
let data6 = data5.nameservers;
if(Array.isArray(data6)){
const len0 = data6.length;
for(let i0=0; i0<len0; i0++){
if(typeof data6[i0] !== "string"){
const err6 = {instancePath:instancePath+"/dns/nameservers/" + i0,schemaPath:"cni-types.json#/$defs/dns/properties/nameservers/items/type",keyword:"type",params:{type: "string"}};
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
else {
const err7 = {instancePath:instancePath+"/dns/nameservers",schemaPath:"cni-types.json#/$defs/dns/properties/nameservers/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
if(data5.domain !== undefined){
if(typeof data5.domain !== "string"){
const err8 = {instancePath:instancePath+"/dns/domain",schemaPath:"cni-types.json#/$defs/dns/properties/domain/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
if(data5.search !== undefined){
let data9 = data5.search;
if(Array.isArray(data9)){
const len1 = data9.length;
for(let i1=0; i1<len1; i1++){
if(typeof data9[i1] !== "string"){
const err9 = {instancePath:instancePath+"/dns/search/" + i1,schemaPath:"cni-types.json#/$defs/dns/properties/search/items/type",keyword:"type",params:{type: "string"}};
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
const err10 = {instancePath:instancePath+"/dns/search",schemaPath:"cni-types.json#/$defs/dns/properties/search/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
if(data5.options !== undefined){
let data11 = data5.options;
if(Array.isArray(data11)){
const len2 = data11.length;
for(let i2=0; i2<len2; i2++){
if(typeof data11[i2] !== "string"){
const err11 = {instancePath:instancePath+"/dns/options/" + i2,schemaPath:"cni-types.json#/$defs/dns/properties/options/items/type",keyword:"type",params:{type: "string"}};
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
else {
const err12 = {instancePath:instancePath+"/dns/options",schemaPath:"cni-types.json#/$defs/dns/properties/options/type",keyword:"type",params:{type: "array"}};
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
const err13 = {instancePath:instancePath+"/dns",schemaPath:"cni-types.json#/$defs/dns/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
}
if(data.prevResult !== undefined){
let data13 = data.prevResult;
if(!(data13 && typeof data13 == "object" && !Array.isArray(data13))){
const err14 = {instancePath:instancePath+"/prevResult",schemaPath:"#/properties/prevResult/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
}
if(data["cni.dev/valid-attachments"] !== undefined){
let data14 = data["cni.dev/valid-attachments"];
if(Array.isArray(data14)){
const len3 = data14.length;
for(let i3=0; i3<len3; i3++){
let data15 = data14[i3];
if(data15 && typeof data15 == "object" && !Array.isArray(data15)){
if(data15.containerID === undefined){
const err15 = {instancePath:instancePath+"/cni.dev~1valid-attachments/" + i3,schemaPath:"cni-types.json#/$defs/attachment/required",keyword:"required",params:{missingProperty: "containerID"}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
if(data15.ifname === undefined){
const err16 = {instancePath:instancePath+"/cni.dev~1valid-attachments/" + i3,schemaPath:"cni-types.json#/$defs/attachment/required",keyword:"required",params:{missingProperty: "ifname"}};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
if(data15.containerID !== undefined){
if(typeof data15.containerID !== "string"){
const err17 = {instancePath:instancePath+"/cni.dev~1valid-attachments/" + i3+"/containerID",schemaPath:"cni-types.json#/$defs/attachment/properties/containerID/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
}
if(data15.ifname !== undefined){
if(typeof data15.ifname !== "string"){
const err18 = {instancePath:instancePath+"/cni.dev~1valid-attachments/" + i3+"/ifname",schemaPath:"cni-types.json#/$defs/attachment/properties/ifname/type",keyword:"type",params:{type: "string"}};
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
else {
const err19 = {instancePath:instancePath+"/cni.dev~1valid-attachments/" + i3,schemaPath:"cni-types.json#/$defs/attachment/type",keyword:"type",params:{type: "object"}};
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
const err20 = {instancePath:instancePath+"/cni.dev~1valid-attachments",schemaPath:"#/properties/cni.dev~1valid-attachments/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err20];
}
else {
vErrors.push(err20);
}
errors++;
}
}
if(data["cni.dev/attachments"] !== undefined){
let data18 = data["cni.dev/attachments"];
if(Array.isArray(data18)){
const len4 = data18.length;
for(let i4=0; i4<len4; i4++){
let data19 = data18[i4];
if(data19 && typeof data19 == "object" && !Array.isArray(data19)){
if(data19.containerID === undefined){
const err21 = {instancePath:instancePath+"/cni.dev~1attachments/" + i4,schemaPath:"cni-types.json#/$defs/attachment/required",keyword:"required",params:{missingProperty: "containerID"}};
if(vErrors === null){
vErrors = [err21];
}
else {
vErrors.push(err21);
}
errors++;
}
if(data19.ifname === undefined){
const err22 = {instancePath:instancePath+"/cni.dev~1attachments/" + i4,schemaPath:"cni-types.json#/$defs/attachment/required",keyword:"required",params:{missingProperty: "ifname"}};
if(vErrors === null){
vErrors = [err22];
}
else {
vErrors.push(err22);
}
errors++;
}
if(data19.containerID !== undefined){
if(typeof data19.containerID !== "string"){
const err23 = {instancePath:instancePath+"/cni.dev~1attachments/" + i4+"/containerID",schemaPath:"cni-types.json#/$defs/attachment/properties/containerID/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err23];
}
else {
vErrors.push(err23);
}
errors++;
}
}
if(data19.ifname !== undefined){
if(typeof data19.ifname !== "string"){
const err24 = {instancePath:instancePath+"/cni.dev~1attachments/" + i4+"/ifname",schemaPath:"cni-types.json#/$defs/attachment/properties/ifname/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err24];
}
else {
vErrors.push(err24);
}
errors++;
}
}
}
else {
const err25 = {instancePath:instancePath+"/cni.dev~1attachments/" + i4,schemaPath:"cni-types.json#/$defs/attachment/type",keyword:"type",params:{type: "object"}};
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
const err26 = {instancePath:instancePath+"/cni.dev~1attachments",schemaPath:"#/properties/cni.dev~1attachments/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err26];
}
else {
vErrors.push(err26);
}
errors++;
}
}
}
else {
const err27 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err27];
}
else {
vErrors.push(err27);
}
errors++;
}
validate21.errors = vErrors;
return errors === 0;
}
validate21.evaluated = {"props":{"cniVersion":true,"name":true,"type":true,"capabilities":true,"dns":true,"prevResult":true,"cni.dev/valid-attachments":true,"cni.dev/attachments":true},"dynamicProps":false,"dynamicItems":false};

const formats2 = FORMATS.mac.accepts;

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="cni-tuning.json" */;
let vErrors = null;
let errors = 0;
const evaluated0 = validate20.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(!(validate21(data, {instancePath,parentData,parentDataProperty,rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate21.errors : vErrors.concat(validate21.errors);
errors = vErrors.length;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.sysctl !== undefined){
let data0 = data.sysctl;
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
for(const key0 in data0){
if(typeof data0[key0] !== "string"){
const err0 = {instancePath:instancePath+"/sysctl/" + key0.replace(/~/g, "~0").replace(/\//g, "~1"),schemaPath:"#/$defs/sysctl/additionalProperties/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
}
else {
const err1 = {instancePath:instancePath+"/sysctl",schemaPath:"#/$defs/sysctl/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data.mac !== undefined){
let data2 = data.mac;
if(typeof data2 === "string"){
if(!(formats2(data2))){
const err2 = {instancePath:instancePath+"/mac",schemaPath:"#/properties/mac/format",keyword:"format",params:{format: "mac"}};
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
const err3 = {instancePath:instancePath+"/mac",schemaPath:"#/properties/mac/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data.promisc !== undefined){
if(typeof data.promisc !== "boolean"){
const err4 = {instancePath:instancePath+"/promisc",schemaPath:"#/properties/promisc/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.mtu !== undefined){
let data4 = data.mtu;
if(!(((typeof data4 == "number") && (!(data4 % 1) && !isNaN(data4))) && (isFinite(data4)))){
const err5 = {instancePath:instancePath+"/mtu",schemaPath:"#/properties/mtu/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
if((typeof data4 == "number") && (isFinite(data4))){
if(data4 > 2147483647 || isNaN(data4)){
const err6 = {instancePath:instancePath+"/mtu",schemaPath:"#/properties/mtu/maximum",keyword:"maximum",params:{comparison: "<=", limit: 2147483647}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if(data4 < 0 || isNaN(data4)){
const err7 = {instancePath:instancePath+"/mtu",schemaPath:"#/properties/mtu/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.allmulti !== undefined){
if(typeof data.allmulti !== "boolean"){
const err8 = {instancePath:instancePath+"/allmulti",schemaPath:"#/properties/allmulti/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
if(data.txQLen !== undefined){
let data6 = data.txQLen;
if(!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))){
const err9 = {instancePath:instancePath+"/txQLen",schemaPath:"#/properties/txQLen/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 > 4294967295 || isNaN(data6)){
const err10 = {instancePath:instancePath+"/txQLen",schemaPath:"#/properties/txQLen/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
if(data6 < 0 || isNaN(data6)){
const err11 = {instancePath:instancePath+"/txQLen",schemaPath:"#/properties/txQLen/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.dataDir !== undefined){
if(typeof data.dataDir !== "string"){
const err12 = {instancePath:instancePath+"/dataDir",schemaPath:"#/properties/dataDir/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
if(data.args !== undefined){
let data8 = data.args;
if(data8 && typeof data8 == "object" && !Array.isArray(data8)){
if(data8.cni !== undefined){
let data9 = data8.cni;
if(data9 && typeof data9 == "object" && !Array.isArray(data9)){
if(data9.sysctl !== undefined){
let data10 = data9.sysctl;
if(data10 && typeof data10 == "object" && !Array.isArray(data10)){
for(const key1 in data10){
if(typeof data10[key1] !== "string"){
const err13 = {instancePath:instancePath+"/args/cni/sysctl/" + key1.replace(/~/g, "~0").replace(/\//g, "~1"),schemaPath:"#/$defs/sysctl/additionalProperties/type",keyword:"type",params:{type: "string"}};
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
const err14 = {instancePath:instancePath+"/args/cni/sysctl",schemaPath:"#/$defs/sysctl/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
}
if(data9.mac !== undefined){
let data12 = data9.mac;
if(typeof data12 === "string"){
if(!(formats2(data12))){
const err15 = {instancePath:instancePath+"/args/cni/mac",schemaPath:"#/properties/args/properties/cni/properties/mac/format",keyword:"format",params:{format: "mac"}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
}
else {
const err16 = {instancePath:instancePath+"/args/cni/mac",schemaPath:"#/properties/args/properties/cni/properties/mac/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
}
if(data9.promisc !== undefined){
if(typeof data9.promisc !== "boolean"){
const err17 = {instancePath:instancePath+"/args/cni/promisc",schemaPath:"#/properties/args/properties/cni/properties/promisc/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
}
if(data9.mtu !== undefined){
let data14 = data9.mtu;
if(!(((typeof data14 == "number") && (!(data14 % 1) && !isNaN(data14))) && (isFinite(data14)))){
const err18 = {instancePath:instancePath+"/args/cni/mtu",schemaPath:"#/properties/args/properties/cni/properties/mtu/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
if((typeof data14 == "number") && (isFinite(data14))){
if(data14 > 2147483647 || isNaN(data14)){
const err19 = {instancePath:instancePath+"/args/cni/mtu",schemaPath:"#/properties/args/properties/cni/properties/mtu/maximum",keyword:"maximum",params:{comparison: "<=", limit: 2147483647}};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
if(data14 < 0 || isNaN(data14)){
const err20 = {instancePath:instancePath+"/args/cni/mtu",schemaPath:"#/properties/args/properties/cni/properties/mtu/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data9.allmulti !== undefined){
if(typeof data9.allmulti !== "boolean"){
const err21 = {instancePath:instancePath+"/args/cni/allmulti",schemaPath:"#/properties/args/properties/cni/properties/allmulti/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err21];
}
else {
vErrors.push(err21);
}
errors++;
}
}
if(data9.txQLen !== undefined){
let data16 = data9.txQLen;
if(!(((typeof data16 == "number") && (!(data16 % 1) && !isNaN(data16))) && (isFinite(data16)))){
const err22 = {instancePath:instancePath+"/args/cni/txQLen",schemaPath:"#/properties/args/properties/cni/properties/txQLen/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err22];
}
else {
vErrors.push(err22);
}
errors++;
}
if((typeof data16 == "number") && (isFinite(data16))){
if(data16 > 4294967295 || isNaN(data16)){
const err23 = {instancePath:instancePath+"/args/cni/txQLen",schemaPath:"#/properties/args/properties/cni/properties/txQLen/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295}};
if(vErrors === null){
vErrors = [err23];
}
else {
vErrors.push(err23);
}
errors++;
}
if(data16 < 0 || isNaN(data16)){
const err24 = {instancePath:instancePath+"/args/cni/txQLen",schemaPath:"#/properties/args/properties/cni/properties/txQLen/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
if(vErrors === null){
vErrors = [err24];
}
else {
vErrors.push(err24);
}
errors++;
}
}
}
}
else {
const err25 = {instancePath:instancePath+"/args/cni",schemaPath:"#/properties/args/properties/cni/type",keyword:"type",params:{type: "object"}};
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
const err26 = {instancePath:instancePath+"/args",schemaPath:"#/properties/args/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err26];
}
else {
vErrors.push(err26);
}
errors++;
}
}
if(data.runtimeConfig !== undefined){
let data17 = data.runtimeConfig;
if(data17 && typeof data17 == "object" && !Array.isArray(data17)){
if(data17.mac !== undefined){
let data18 = data17.mac;
if(typeof data18 === "string"){
if(!(formats2(data18))){
const err27 = {instancePath:instancePath+"/runtimeConfig/mac",schemaPath:"#/properties/runtimeConfig/properties/mac/format",keyword:"format",params:{format: "mac"}};
if(vErrors === null){
vErrors = [err27];
}
else {
vErrors.push(err27);
}
errors++;
}
}
else {
const err28 = {instancePath:instancePath+"/runtimeConfig/mac",schemaPath:"#/properties/runtimeConfig/properties/mac/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err28];
}
else {
vErrors.push(err28);
}
errors++;
}
}
}
else {
const err29 = {instancePath:instancePath+"/runtimeConfig",schemaPath:"#/properties/runtimeConfig/type",keyword:"type",params:{type: "object"}};
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
const err30 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err30];
}
else {
vErrors.push(err30);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"sysctl":true,"mac":true,"promisc":true,"mtu":true,"allmulti":true,"txQLen":true,"dataDir":true,"args":true,"runtimeConfig":true,"cniVersion":true,"name":true,"type":true,"capabilities":true,"dns":true,"prevResult":true,"cni.dev/valid-attachments":true,"cni.dev/attachments":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "tuning configuration", shape: {"keys":{"cniversion":{"name":"cniVersion","emptyIsAbsent":true},"name":{"name":"name"},"type":{"name":"type"},"capabilities":{"name":"capabilities"},"dns":{"name":"dns","shape":{"keys":{"nameservers":{"name":"nameservers"},"domain":{"name":"domain"},"search":{"name":"search"},"options":{"name":"options"}}}},"prevresult":{"name":"prevResult"},"cni.dev/valid-attachments":{"name":"cni.dev/valid-attachments","shape":{"items":{"keys":{"containerid":{"name":"containerID"},"ifname":{"name":"ifname"}}}}},"cni.dev/attachments":{"name":"cni.dev/attachments","shape":{"items":{"keys":{"containerid":{"name":"containerID"},"ifname":{"name":"ifname"}}}}},"sysctl":{"name":"sysctl"},"mac":{"name":"mac","emptyIsAbsent":true},"promisc":{"name":"promisc"},"mtu":{"name":"mtu"},"allmulti":{"name":"allmulti"},"txqlen":{"name":"txQLen"},"datadir":{"name":"dataDir","emptyIsAbsent":true},"args":{"name":"args","shape":{"keys":{"cni":{"name":"cni","shape":{"keys":{"sysctl":{"name":"sysctl"},"mac":{"name":"mac","emptyIsAbsent":true},"promisc":{"name":"promisc"},"mtu":{"name":"mtu"},"allmulti":{"name":"allmulti"},"txqlen":{"name":"txQLen"}}}}}}},"runtimeconfig":{"name":"runtimeConfig","shape":{"keys":{"mac":{"name":"mac","emptyIsAbsent":true}}}}}}, validate };
