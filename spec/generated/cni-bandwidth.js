// Made from spec/schema/cni-bandwidth.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"cni-bandwidth.json","type":"object","allOf":[{"$ref":"cni-net-conf.json"}],"properties":{"ingressRate":{"$ref":"#/$defs/amount"},"ingressBurst":{"$ref":"#/$defs/amount"},"egressRate":{"$ref":"#/$defs/amount"},"egressBurst":{"$ref":"#/$defs/amount"},"shapedSubnets":{"$ref":"#/$defs/subnets"},"unshapedSubnets":{"$ref":"#/$defs/subnets"},"runtimeConfig":{"$ref":"#/$defs/bandwidthRuntimeConfig"}},"$defs":{"amount":{"type":"integer","minimum":0,"maximum":9007199254740991},"subnets":{"type":"array","items":{"type":"string","format":"cidr"}},"bandwidthRuntimeConfig":{"type":"object","properties":{"bandwidth":{"type":"object","properties":{"ingressRate":{"$ref":"#/$defs/amount"},"ingressBurst":{"$ref":"#/$defs/amount"},"egressRate":{"$ref":"#/$defs/amount"},"egressBurst":{"$ref":"#/$defs/amount"},"shapedSubnets":{"$ref":"#/$defs/subnets"},"unshapedSubnets":{"$ref":"#/$defs/subnets"}}}}}}};
const schema37 = {"type":"integer","minimum":0,"maximum":9007199254740991};
const schema41 = {"type":"array","items":{"type":"string","format":"cidr"}};
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

const schema43 = {"type":"object","properties":{"bandwidth":{"type":"object","properties":{"ingressRate":{"$ref":"#/$defs/amount"},"ingressBurst":{"$ref":"#/$defs/amount"},"egressRate":{"$ref":"#/$defs/amount"},"egressBurst":{"$ref":"#/$defs/amount"},"shapedSubnets":{"$ref":"#/$defs/subnets"},"unshapedSubnets":{"$ref":"#/$defs/subnets"}}}}};
const formats2 = FORMATS.cidr.accepts;

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
if(data.bandwidth !== undefined){
let data0 = data.bandwidth;
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
if(data0.ingressRate !== undefined){
let data1 = data0.ingressRate;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
const err0 = {instancePath:instancePath+"/bandwidth/ingressRate",schemaPath:"#/$defs/amount/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 9007199254740991 || isNaN(data1)){
const err1 = {instancePath:instancePath+"/bandwidth/ingressRate",schemaPath:"#/$defs/amount/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(data1 < 0 || isNaN(data1)){
const err2 = {instancePath:instancePath+"/bandwidth/ingressRate",schemaPath:"#/$defs/amount/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data0.ingressBurst !== undefined){
let data2 = data0.ingressBurst;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
const err3 = {instancePath:instancePath+"/bandwidth/ingressBurst",schemaPath:"#/$defs/amount/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 9007199254740991 || isNaN(data2)){
const err4 = {instancePath:instancePath+"/bandwidth/ingressBurst",schemaPath:"#/$defs/amount/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
if(data2 < 0 || isNaN(data2)){
const err5 = {instancePath:instancePath+"/bandwidth/ingressBurst",schemaPath:"#/$defs/amount/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data0.egressRate !== undefined){
let data3 = data0.egressRate;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
const err6 = {instancePath:instancePath+"/bandwidth/egressRate",schemaPath:"#/$defs/amount/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 9007199254740991 || isNaN(data3)){
const err7 = {instancePath:instancePath+"/bandwidth/egressRate",schemaPath:"#/$defs/amount/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
if(data3 < 0 || isNaN(data3)){
const err8 = {instancePath:instancePath+"/bandwidth/egressRate",schemaPath:"#/$defs/amount/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data0.egressBurst !== undefined){
let data4 = data0.egressBurst;
if(!(((typeof data4 == "number") && (!(data4 % 1) && !isNaN(data4))) && (isFinite(data4)))){
const err9 = {instancePath:instancePath+"/bandwidth/egressBurst",schemaPath:"#/$defs/amount/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
if((typeof data4 == "number") && (isFinite(data4))){
if(data4 > 9007199254740991 || isNaN(data4)){
const err10 = {instancePath:instancePath+"/bandwidth/egressBurst",schemaPath:"#/$defs/amount/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
if(data4 < 0 || isNaN(data4)){
const err11 = {instancePath:instancePath+"/bandwidth/egressBurst",schemaPath:"#/$defs/amount/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data0.shapedSubnets !== undefined){
let data5 = data0.shapedSubnets;
if(Array.isArray(data5)){
const len0 = data5.length;
for(let i0=0; i0<len0; i0++){
let data6 = data5[i0];
if(typeof data6 === "string"){
if(!(formats2(data6))){
const err12 = {instancePath:instancePath+"/bandwidth/shapedSubnets/" + i0,schemaPath:"#/$defs/subnets/items/format",keyword:"format",params:{format: "cidr"}};
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
const err13 = {instancePath:instancePath+"/bandwidth/shapedSubnets/" + i0,schemaPath:"#/$defs/subnets/items/type",keyword:"type",params:{type: "string"}};
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
const err14 = {instancePath:instancePath+"/bandwidth/shapedSubnets",schemaPath:"#/$defs/subnets/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
}
if(data0.unshapedSubnets !== undefined){
let data7 = data0.unshapedSubnets;
if(Array.isArray(data7)){
const len1 = data7.length;
for(let i1=0; i1<len1; i1++){
let data8 = data7[i1];
if(typeof data8 === "string"){
if(!(formats2(data8))){
const err15 = {instancePath:instancePath+"/bandwidth/unshapedSubnets/" + i1,schemaPath:"#/$defs/subnets/items/format",keyword:"format",params:{format: "cidr"}};
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
const err16 = {instancePath:instancePath+"/bandwidth/unshapedSubnets/" + i1,schemaPath:"#/$defs/subnets/items/type",keyword:"type",params:{type: "string"}};
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
const err17 = {instancePath:instancePath+"/bandwidth/unshapedSubnets",schemaPath:"#/$defs/subnets/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
}
}
else {
const err18 = {instancePath:instancePath+"/bandwidth",schemaPath:"#/properties/bandwidth/type",keyword:"type",params:{type: "object"}};
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
const err19 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
validate24.errors = vErrors;
return errors === 0;
}
validate24.evaluated = {"props":{"bandwidth":true},"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="cni-bandwidth.json" */;
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
if(data.ingressRate !== undefined){
let data0 = data.ingressRate;
if(!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))){
const err0 = {instancePath:instancePath+"/ingressRate",schemaPath:"#/$defs/amount/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 > 9007199254740991 || isNaN(data0)){
const err1 = {instancePath:instancePath+"/ingressRate",schemaPath:"#/$defs/amount/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(data0 < 0 || isNaN(data0)){
const err2 = {instancePath:instancePath+"/ingressRate",schemaPath:"#/$defs/amount/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.ingressBurst !== undefined){
let data1 = data.ingressBurst;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
const err3 = {instancePath:instancePath+"/ingressBurst",schemaPath:"#/$defs/amount/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 9007199254740991 || isNaN(data1)){
const err4 = {instancePath:instancePath+"/ingressBurst",schemaPath:"#/$defs/amount/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
if(data1 < 0 || isNaN(data1)){
const err5 = {instancePath:instancePath+"/ingressBurst",schemaPath:"#/$defs/amount/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.egressRate !== undefined){
let data2 = data.egressRate;
if(!(((typeof data2 == "number") && (!(data2 % 1) && !isNaN(data2))) && (isFinite(data2)))){
const err6 = {instancePath:instancePath+"/egressRate",schemaPath:"#/$defs/amount/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if((typeof data2 == "number") && (isFinite(data2))){
if(data2 > 9007199254740991 || isNaN(data2)){
const err7 = {instancePath:instancePath+"/egressRate",schemaPath:"#/$defs/amount/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
if(data2 < 0 || isNaN(data2)){
const err8 = {instancePath:instancePath+"/egressRate",schemaPath:"#/$defs/amount/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.egressBurst !== undefined){
let data3 = data.egressBurst;
if(!(((typeof data3 == "number") && (!(data3 % 1) && !isNaN(data3))) && (isFinite(data3)))){
const err9 = {instancePath:instancePath+"/egressBurst",schemaPath:"#/$defs/amount/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
if((typeof data3 == "number") && (isFinite(data3))){
if(data3 > 9007199254740991 || isNaN(data3)){
const err10 = {instancePath:instancePath+"/egressBurst",schemaPath:"#/$defs/amount/maximum",keyword:"maximum",params:{comparison: "<=", limit: 9007199254740991}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
if(data3 < 0 || isNaN(data3)){
const err11 = {instancePath:instancePath+"/egressBurst",schemaPath:"#/$defs/amount/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.shapedSubnets !== undefined){
let data4 = data.shapedSubnets;
if(Array.isArray(data4)){
const len0 = data4.length;
for(let i0=0; i0<len0; i0++){
let data5 = data4[i0];
if(typeof data5 === "string"){
if(!(formats2(data5))){
const err12 = {instancePath:instancePath+"/shapedSubnets/" + i0,schemaPath:"#/$defs/subnets/items/format",keyword:"format",params:{format: "cidr"}};
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
const err13 = {instancePath:instancePath+"/shapedSubnets/" + i0,schemaPath:"#/$defs/subnets/items/type",keyword:"type",params:{type: "string"}};
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
const err14 = {instancePath:instancePath+"/shapedSubnets",schemaPath:"#/$defs/subnets/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
}
if(data.unshapedSubnets !== undefined){
let data6 = data.unshapedSubnets;
if(Array.isArray(data6)){
const len1 = data6.length;
for(let i1=0; i1<len1; i1++){
let data7 = data6[i1];
if(typeof data7 === "string"){
if(!(formats2(data7))){
const err15 = {instancePath:instancePath+"/unshapedSubnets/" + i1,schemaPath:"#/$defs/subnets/items/format",keyword:"format",params:{format: "cidr"}};
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
const err16 = {instancePath:instancePath+"/unshapedSubnets/" + i1,schemaPath:"#/$defs/subnets/items/type",keyword:"type",params:{type: "string"}};
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
const err17 = {instancePath:instancePath+"/unshapedSubnets",schemaPath:"#/$defs/subnets/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
}
if(data.runtimeConfig !== undefined){
if(!(validate24(data.runtimeConfig, {instancePath:instancePath+"/runtimeConfig",parentData:data,parentDataProperty:"runtimeConfig",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate24.errors : vErrors.concat(validate24.errors);
errors = vErrors.length;
}
}
}
else {
const err18 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"ingressRate":true,"ingressBurst":true,"egressRate":true,"egressBurst":true,"shapedSubnets":true,"unshapedSubnets":true,"runtimeConfig":true,"cniVersion":true,"name":true,"type":true,"capabilities":true,"dns":true,"prevResult":true,"cni.dev/valid-attachments":true,"cni.dev/attachments":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "bandwidth configuration", shape: {"keys":{"cniversion":{"name":"cniVersion","emptyIsAbsent":true},"name":{"name":"name"},"type":{"name":"type"},"capabilities":{"name":"capabilities"},"dns":{"name":"dns","shape":{"keys":{"nameservers":{"name":"nameservers"},"domain":{"name":"domain"},"search":{"name":"search"},"options":{"name":"options"}}}},"prevresult":{"name":"prevResult"},"cni.dev/valid-attachments":{"name":"cni.dev/valid-attachments","shape":{"items":{"keys":{"containerid":{"name":"containerID"},"ifname":{"name":"ifname"}}}}},"cni.dev/attachments":{"name":"cni.dev/attachments","shape":{"items":{"keys":{"containerid":{"name":"containerID"},"ifname":{"name":"ifname"}}}}},"ingressrate":{"name":"ingressRate"},"ingressburst":{"name":"ingressBurst"},"egressrate":{"name":"egressRate"},"egressburst":{"name":"egressBurst"},"shapedsubnets":{"name":"shapedSubnets"},"unshapedsubnets":{"name":"unshapedSubnets"},"runtimeconfig":{"name":"runtimeConfig","shape":{"keys":{"bandwidth":{"name":"bandwidth","shape":{"keys":{"ingressrate":{"name":"ingressRate"},"ingressburst":{"name":"ingressBurst"},"egressrate":{"name":"egressRate"},"egressburst":{"name":"egressBurst"},"shapedsubnets":{"name":"shapedSubnets"},"unshapedsubnets":{"name":"unshapedSubnets"}}}}}}}}}, validate };
