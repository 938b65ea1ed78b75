// Made from spec/schema/cni-static.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"cni-static.json","type":"object","allOf":[{"$ref":"cni-net-conf.json"}],"properties":{"ipam":{"$ref":"#/$defs/staticIpam"},"args":{"type":"object","properties":{"cni":{"type":"object","properties":{"ips":{"type":"array","items":{"type":"string","format":"cidr"}}}}}},"runtimeConfig":{"type":"object","properties":{"ips":{"type":"array","items":{"type":"string","format":"cidr"}}}}},"required":["ipam"],"$defs":{"staticIpam":{"type":"object","properties":{"type":{"type":"string"},"addresses":{"type":"array","items":{"type":"object","properties":{"address":{"type":"string","format":"cidr"},"gateway":{"type":"string","format":"ip"}},"required":["address"]}},"routes":{"$ref":"cni-types.json#/$defs/routes"},"dns":{"$ref":"cni-types.json#/$defs/dns"}}}}};
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

const schema37 = {"type":"object","properties":{"type":{"type":"string"},"addresses":{"type":"array","items":{"type":"object","properties":{"address":{"type":"string","format":"cidr"},"gateway":{"type":"string","format":"ip"}},"required":["address"]}},"routes":{"$ref":"cni-types.json#/$defs/routes"},"dns":{"$ref":"cni-types.json#/$defs/dns"}}};
const formats2 = FORMATS.cidr.accepts;
const formats4 = FORMATS.ip.accepts;
const schema38 = {"type":"array","items":{"$ref":"#/$defs/route"}};
const schema39 = {"type":"object","properties":{"dst":{"type":"string","format":"cidr"},"gw":{"type":"string","format":"ip"},"mtu":{"type":"integer","minimum":0,"maximum":4294967295},"advmss":{"type":"integer","minimum":0,"maximum":4294967295},"priority":{"type":"integer","minimum":0,"maximum":4294967295},"table":{"type":"integer","minimum":0,"maximum":4294967295},"scope":{"type":"integer","minimum":0,"maximum":255}},"required":["dst"]};

function validate25(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate25.evaluated;
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
if(!(formats2(data1))){
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
if(!(formats4(data2))){
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
validate25.errors = vErrors;
return errors === 0;
}
validate25.evaluated = {"items":true,"dynamicProps":false,"dynamicItems":false};


function validate24(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate24.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.type !== undefined){
if(typeof data.type !== "string"){
const err0 = {instancePath:instancePath+"/type",schemaPath:"#/properties/type/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
if(data.addresses !== undefined){
let data1 = data.addresses;
if(Array.isArray(data1)){
const len0 = data1.length;
for(let i0=0; i0<len0; i0++){
let data2 = data1[i0];
if(data2 && typeof data2 == "object" && !Array.isArray(data2)){
if(data2.address === undefined){
const err1 = {instancePath:instancePath+"/addresses/" + i0,schemaPath:"#/properties/addresses/items/required",keyword:"required",params:{missingProperty: "address"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(data2.address !== undefined){
let data3 = data2.address;
if(typeof data3 === "string"){
if(!(formats2(data3))){
const err2 = {instancePath:instancePath+"/addresses/" + i0+"/address",schemaPath:"#/properties/addresses/items/properties/address/format",keyword:"format",params:{format: "cidr"}};
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
const err3 = {instancePath:instancePath+"/addresses/" + i0+"/address",schemaPath:"#/properties/addresses/items/properties/address/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data2.gateway !== undefined){
let data4 = data2.gateway;
if(typeof data4 === "string"){
if(!(formats4(data4))){
const err4 = {instancePath:instancePath+"/addresses/" + i0+"/gateway",schemaPath:"#/properties/addresses/items/properties/gateway/format",keyword:"format",params:{format: "ip"}};
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
const err5 = {instancePath:instancePath+"/addresses/" + i0+"/gateway",schemaPath:"#/properties/addresses/items/properties/gateway/type",keyword:"type",params:{type: "string"}};
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
const err6 = {instancePath:instancePath+"/addresses/" + i0,schemaPath:"#/properties/addresses/items/type",keyword:"type",params:{type: "object"}};
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
const err7 = {instancePath:instancePath+"/addresses",schemaPath:"#/properties/addresses/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
if(data.routes !== undefined){
if(!(validate25(data.routes, {instancePath:instancePath+"/routes",parentData:data,parentDataProperty:"routes",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate25.errors : vErrors.concat(validate25.errors);
errors = vErrors.length;
}
}
if(data.dns !== undefined){
let data6 = data.dns;
if(data6 && typeof data6 == "object" && !Array.isArray(data6)){
if(data6.nameservers !== undefined){
let data7 = data6.nameservers;
if(Array.isArray(data7)){
const len1 = data7.length;
for(let i1=0; i1<len1; i1++){
if(typeof data7[i1] !== "string"){
const err8 = {instancePath:instancePath+"/dns/nameservers/" + i1,schemaPath:"cni-types.json#/$defs/dns/properties/nameservers/items/type",keyword:"type",params:{type: "string"}};
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
const err9 = {instancePath:instancePath+"/dns/nameservers",schemaPath:"cni-types.json#/$defs/dns/properties/nameservers/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
}
if(data6.domain !== undefined){
if(typeof data6.domain !== "string"){
const err10 = {instancePath:instancePath+"/dns/domain",schemaPath:"cni-types.json#/$defs/dns/properties/domain/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
if(data6.search !== undefined){
let data10 = data6.search;
if(Array.isArray(data10)){
const len2 = data10.length;
for(let i2=0; i2<len2; i2++){
if(typeof data10[i2] !== "string"){
const err11 = {instancePath:instancePath+"/dns/search/" + i2,schemaPath:"cni-types.json#/$defs/dns/properties/search/items/type",keyword:"type",params:{type: "string"}};
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
const err12 = {instancePath:instancePath+"/dns/search",schemaPath:"cni-types.json#/$defs/dns/properties/search/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
if(data6.options !== undefined){
let data12 = data6.options;
if(Array.isArray(data12)){
const len3 = data12.length;
for(let i3=0; i3<len3; i3++){
if(typeof data12[i3] !== "string"){
const err13 = {instancePath:instancePath+"/dns/options/" + i3,schemaPath:"cni-types.json#/$defs/dns/properties/options/items/type",keyword:"type",params:{type: "string"}};
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
const err14 = {instancePath:instancePath+"/dns/options",schemaPath:"cni-types.json#/$defs/dns/properties/options/type",keyword:"type",params:{type: "array"}};
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
const err15 = {instancePath:instancePath+"/dns",schemaPath:"cni-types.json#/$defs/dns/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
}
}
else {
const err16 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
validate24.errors = vErrors;
return errors === 0;
}
validate24.evaluated = {"props":{"type":true,"addresses":true,"routes":true,"dns":true},"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="cni-static.json" */;
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
if(data.ipam === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "ipam"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.ipam !== undefined){
if(!(validate24(data.ipam, {instancePath:instancePath+"/ipam",parentData:data,parentDataProperty:"ipam",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate24.errors : vErrors.concat(validate24.errors);
errors = vErrors.length;
}
}
if(data.args !== undefined){
let data1 = data.args;
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
if(data1.cni !== undefined){
let data2 = data1.cni;
if(data2 && typeof data2 == "object" && !Array.isArray(data2)){
if(data2.ips !== undefined){
let data3 = data2.ips;
if(Array.isArray(data3)){
const len0 = data3.length;
for(let i0=0; i0<len0; i0++){
let data4 = data3[i0];
if(typeof data4 === "string"){
if(!(formats2(data4))){
const err1 = {instancePath:instancePath+"/args/cni/ips/" + i0,schemaPath:"#/properties/args/properties/cni/properties/ips/items/format",keyword:"format",params:{format: "cidr"}};
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
const err2 = {instancePath:instancePath+"/args/cni/ips/" + i0,schemaPath:"#/properties/args/properties/cni/properties/ips/items/type",keyword:"type",params:{type: "string"}};
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
else {
const err3 = {instancePath:instancePath+"/args/cni/ips",schemaPath:"#/properties/args/properties/cni/properties/ips/type",keyword:"type",params:{type: "array"}};
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
const err4 = {instancePath:instancePath+"/args/cni",schemaPath:"#/properties/args/properties/cni/type",keyword:"type",params:{type: "object"}};
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
const err5 = {instancePath:instancePath+"/args",schemaPath:"#/properties/args/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.runtimeConfig !== undefined){
let data5 = data.runtimeConfig;
if(data5 && typeof data5 == "object" && !Array.isArray(data5)){
if(data5.ips !== undefined){
let data6 = data5.ips;
if(Array.isArray(data6)){
const len1 = data6.length;
for(let i1=0; i1<len1; i1++){
let data7 = data6[i1];
if(typeof data7 === "string"){
if(!(formats2(data7))){
const err6 = {instancePath:instancePath+"/runtimeConfig/ips/" + i1,schemaPath:"#/properties/runtimeConfig/properties/ips/items/format",keyword:"format",params:{format: "cidr"}};
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
const err7 = {instancePath:instancePath+"/runtimeConfig/ips/" + i1,schemaPath:"#/properties/runtimeConfig/properties/ips/items/type",keyword:"type",params:{type: "string"}};
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
else {
const err8 = {instancePath:instancePath+"/runtimeConfig/ips",schemaPath:"#/properties/runtimeConfig/properties/ips/type",keyword:"type",params:{type: "array"}};
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
const err9 = {instancePath:instancePath+"/runtimeConfig",schemaPath:"#/properties/runtimeConfig/type",keyword:"type",params:{type: "object"}};
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
validate20.evaluated = {"props":{"ipam":true,"args":true,"runtimeConfig":true,"cniVersion":true,"name":true,"type":true,"capabilities":true,"dns":true,"prevResult":true,"cni.dev/valid-attachments":true,"cni.dev/attachments":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "static configuration", shape: {"keys":{"cniversion":{"name":"cniVersion","emptyIsAbsent":true},"name":{"name":"name"},"type":{"name":"type"},"capabilities":{"name":"capabilities"},"dns":{"name":"dns","shape":{"keys":{"nameservers":{"name":"nameservers"},"domain":{"name":"domain"},"search":{"name":"search"},"options":{"name":"options"}}}},"prevresult":{"name":"prevResult"},"cni.dev/valid-attachments":{"name":"cni.dev/valid-attachments","shape":{"items":{"keys":{"containerid":{"name":"containerID"},"ifname":{"name":"ifname"}}}}},"cni.dev/attachments":{"name":"cni.dev/attachments","shape":{"items":{"keys":{"containerid":{"name":"containerID"},"ifname":{"name":"ifname"}}}}},"ipam":{"name":"ipam","shape":{"keys":{"type":{"name":"type"},"addresses":{"name":"addresses","shape":{"items":{"keys":{"address":{"name":"address"},"gateway":{"name":"gateway","emptyIsAbsent":true}}}}},"routes":{"name":"routes","shape":{"items":{"keys":{"dst":{"name":"dst"},"gw":{"name":"gw","emptyIsAbsent":true},"mtu":{"name":"mtu"},"advmss":{"name":"advmss"},"priority":{"name":"priority"},"table":{"name":"table"},"scope":{"name":"scope"}}}}},"dns":{"name":"dns","shape":{"keys":{"nameservers":{"name":"nameservers"},"domain":{"name":"domain"},"search":{"name":"search"},"options":{"name":"options"}}}}}}},"args":{"name":"args","shape":{"keys":{"cni":{"name":"cni","shape":{"keys":{"ips":{"name":"ips"}}}}}}},"runtimeconfig":{"name":"runtimeConfig","shape":{"keys":{"ips":{"name":"ips"}}}}}}, validate };
