// Made from spec/schema/cni-bridge.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"cni-bridge.json","type":"object","allOf":[{"$ref":"cni-net-conf.json"}],"properties":{"bridge":{"type":"string","format":"interface-name"},"isGateway":{"type":"boolean"},"isDefaultGateway":{"type":"boolean"},"forceAddress":{"type":"boolean"},"ipMasq":{"type":"boolean"},"ipMasqBackend":{"enum":["","iptables","nftables"]},"mtu":{"type":"integer","minimum":0,"maximum":65535},"hairpinMode":{"type":"boolean"},"promiscMode":{"type":"boolean"},"vlan":{"type":"integer","minimum":0,"maximum":4094},"vlanTrunk":{"type":"array","items":{"$ref":"#/$defs/vlanTrunk"}},"preserveDefaultVlan":{"type":"boolean"},"macspoofchk":{"type":"boolean"},"enabledad":{"type":"boolean"},"disableContainerInterface":{"type":"boolean"},"portIsolation":{"type":"boolean"},"ipam":{"$ref":"#/$defs/ipamType"},"args":{"$ref":"#/$defs/bridgeArgs"},"runtimeConfig":{"$ref":"#/$defs/bridgeRuntimeConfig"}},"$defs":{"vlanTrunk":{"type":"object","properties":{"id":{"type":"integer","minimum":1,"maximum":4094},"minID":{"type":"integer","minimum":1,"maximum":4094},"maxID":{"type":"integer","minimum":1,"maximum":4094}}},"ipamType":{"type":"object","properties":{"type":{"type":"string"}}},"bridgeArgs":{"type":"object","properties":{"cni":{"type":"object","properties":{"mac":{"type":"string","format":"mac"}}}}},"bridgeRuntimeConfig":{"type":"object","properties":{"mac":{"type":"string","format":"mac"}}}}};
const schema37 = {"type":"object","properties":{"id":{"type":"integer","minimum":1,"maximum":4094},"minID":{"type":"integer","minimum":1,"maximum":4094},"maxID":{"type":"integer","minimum":1,"maximum":4094}}};
const schema38 = {"type":"object","properties":{"type":{"type":"string"}}};
const schema39 = {"type":"object","properties":{"cni":{"type":"object","properties":{"mac":{"type":"string","format":"mac"}}}}};
const schema40 = {"type":"object","properties":{"mac":{"type":"string","format":"mac"}}};
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

const formats2 = FORMATS["interface-name"].accepts;
const formats4 = FORMATS.mac.accepts;

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="cni-bridge.json" */;
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
if(data.bridge !== undefined){
let data0 = data.bridge;
if(typeof data0 === "string"){
if(!(formats2(data0))){
const err0 = {instancePath:instancePath+"/bridge",schemaPath:"#/properties/bridge/format",keyword:"format",params:{format: "interface-name"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
else {
const err1 = {instancePath:instancePath+"/bridge",schemaPath:"#/properties/bridge/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data.isGateway !== undefined){
if(typeof data.isGateway !== "boolean"){
const err2 = {instancePath:instancePath+"/isGateway",schemaPath:"#/properties/isGateway/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data.isDefaultGateway !== undefined){
if(typeof data.isDefaultGateway !== "boolean"){
const err3 = {instancePath:instancePath+"/isDefaultGateway",schemaPath:"#/properties/isDefaultGateway/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data.forceAddress !== undefined){
if(typeof data.forceAddress !== "boolean"){
const err4 = {instancePath:instancePath+"/forceAddress",schemaPath:"#/properties/forceAddress/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.ipMasq !== undefined){
if(typeof data.ipMasq !== "boolean"){
const err5 = {instancePath:instancePath+"/ipMasq",schemaPath:"#/properties/ipMasq/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.ipMasqBackend !== undefined){
let data5 = data.ipMasqBackend;
if(!(((data5 === "") || (data5 === "iptables")) || (data5 === "nftables"))){
const err6 = {instancePath:instancePath+"/ipMasqBackend",schemaPath:"#/properties/ipMasqBackend/enum",keyword:"enum",params:{allowedValues: schema31.properties.ipMasqBackend.enum}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
if(data.mtu !== undefined){
let data6 = data.mtu;
if(!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))){
const err7 = {instancePath:instancePath+"/mtu",schemaPath:"#/properties/mtu/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 > 65535 || isNaN(data6)){
const err8 = {instancePath:instancePath+"/mtu",schemaPath:"#/properties/mtu/maximum",keyword:"maximum",params:{comparison: "<=", limit: 65535}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
if(data6 < 0 || isNaN(data6)){
const err9 = {instancePath:instancePath+"/mtu",schemaPath:"#/properties/mtu/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.hairpinMode !== undefined){
if(typeof data.hairpinMode !== "boolean"){
const err10 = {instancePath:instancePath+"/hairpinMode",schemaPath:"#/properties/hairpinMode/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
if(data.promiscMode !== undefined){
if(typeof data.promiscMode !== "boolean"){
const err11 = {instancePath:instancePath+"/promiscMode",schemaPath:"#/properties/promiscMode/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
if(data.vlan !== undefined){
let data9 = data.vlan;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
const err12 = {instancePath:instancePath+"/vlan",schemaPath:"#/properties/vlan/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 > 4094 || isNaN(data9)){
const err13 = {instancePath:instancePath+"/vlan",schemaPath:"#/properties/vlan/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4094}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
if(data9 < 0 || isNaN(data9)){
const err14 = {instancePath:instancePath+"/vlan",schemaPath:"#/properties/vlan/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data.vlanTrunk !== undefined){
let data10 = data.vlanTrunk;
if(Array.isArray(data10)){
const len0 = data10.length;
for(let i0=0; i0<len0; i0++){
let data11 = data10[i0];
if(data11 && typeof data11 == "object" && !Array.isArray(data11)){
if(data11.id !== undefined){
let data12 = data11.id;
if(!(((typeof data12 == "number") && (!(data12 % 1) && !isNaN(data12))) && (isFinite(data12)))){
const err15 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/id",schemaPath:"#/$defs/vlanTrunk/properties/id/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
if((typeof data12 == "number") && (isFinite(data12))){
if(data12 > 4094 || isNaN(data12)){
const err16 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/id",schemaPath:"#/$defs/vlanTrunk/properties/id/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4094}};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
if(data12 < 1 || isNaN(data12)){
const err17 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/id",schemaPath:"#/$defs/vlanTrunk/properties/id/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1}};
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
if(data11.minID !== undefined){
let data13 = data11.minID;
if(!(((typeof data13 == "number") && (!(data13 % 1) && !isNaN(data13))) && (isFinite(data13)))){
const err18 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/minID",schemaPath:"#/$defs/vlanTrunk/properties/minID/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
if((typeof data13 == "number") && (isFinite(data13))){
if(data13 > 4094 || isNaN(data13)){
const err19 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/minID",schemaPath:"#/$defs/vlanTrunk/properties/minID/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4094}};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
if(data13 < 1 || isNaN(data13)){
const err20 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/minID",schemaPath:"#/$defs/vlanTrunk/properties/minID/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1}};
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
if(data11.maxID !== undefined){
let data14 = data11.maxID;
if(!(((typeof data14 == "number") && (!(data14 % 1) && !isNaN(data14))) && (isFinite(data14)))){
const err21 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/maxID",schemaPath:"#/$defs/vlanTrunk/properties/maxID/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err21];
}
else {
vErrors.push(err21);
}
errors++;
}
if((typeof data14 == "number") && (isFinite(data14))){
if(data14 > 4094 || isNaN(data14)){
const err22 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/maxID",schemaPath:"#/$defs/vlanTrunk/properties/maxID/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4094}};
if(vErrors === null){
vErrors = [err22];
}
else {
vErrors.push(err22);
}
errors++;
}
if(data14 < 1 || isNaN(data14)){
const err23 = {instancePath:instancePath+"/vlanTrunk/" + i0+"/maxID",schemaPath:"#/$defs/vlanTrunk/properties/maxID/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1}};
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
}
else {
const err24 = {instancePath:instancePath+"/vlanTrunk/" + i0,schemaPath:"#/$defs/vlanTrunk/type",keyword:"type",params:{type: "object"}};
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
const err25 = {instancePath:instancePath+"/vlanTrunk",schemaPath:"#/properties/vlanTrunk/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err25];
}
else {
vErrors.push(err25);
}
errors++;
}
}
if(data.preserveDefaultVlan !== undefined){
if(typeof data.preserveDefaultVlan !== "boolean"){
const err26 = {instancePath:instancePath+"/preserveDefaultVlan",schemaPath:"#/properties/preserveDefaultVlan/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err26];
}
else {
vErrors.push(err26);
}
errors++;
}
}
if(data.macspoofchk !== undefined){
if(typeof data.macspoofchk !== "boolean"){
const err27 = {instancePath:instancePath+"/macspoofchk",schemaPath:"#/properties/macspoofchk/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err27];
}
else {
vErrors.push(err27);
}
errors++;
}
}
if(data.enabledad !== undefined){
if(typeof data.enabledad !== "boolean"){
const err28 = {instancePath:instancePath+"/enabledad",schemaPath:"#/properties/enabledad/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err28];
}
else {
vErrors.push(err28);
}
errors++;
}
}
if(data.disableContainerInterface !== undefined){
if(typeof data.disableContainerInterface !== "boolean"){
const err29 = {instancePath:instancePath+"/disableContainerInterface",schemaPath:"#/properties/disableContainerInterface/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err29];
}
else {
vErrors.push(err29);
}
errors++;
}
}
if(data.portIsolation !== undefined){
if(typeof data.portIsolation !== "boolean"){
const err30 = {instancePath:instancePath+"/portIsolation",schemaPath:"#/properties/portIsolation/type",keyword:"type",params:{type: "boolean"}};
if(vErrors === null){
vErrors = [err30];
}
else {
vErrors.push(err30);
}
errors++;
}
}
if(data.ipam !== undefined){
let data20 = data.ipam;
if(data20 && typeof data20 == "object" && !Array.isArray(data20)){
if(data20.type !== undefined){
if(typeof data20.type !== "string"){
const err31 = {instancePath:instancePath+"/ipam/type",schemaPath:"#/$defs/ipamType/properties/type/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err31];
}
else {
vErrors.push(err31);
}
errors++;
}
}
}
else {
const err32 = {instancePath:instancePath+"/ipam",schemaPath:"#/$defs/ipamType/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err32];
}
else {
vErrors.push(err32);
}
errors++;
}
}
if(data.args !== undefined){
let data22 = data.args;
if(data22 && typeof data22 == "object" && !Array.isArray(data22)){
if(data22.cni !== undefined){
let data23 = data22.cni;
if(data23 && typeof data23 == "object" && !Array.isArray(data23)){
if(data23.mac !== undefined){
let data24 = data23.mac;
if(typeof data24 === "string"){
if(!(formats4(data24))){
const err33 = {instancePath:instancePath+"/args/cni/mac",schemaPath:"#/$defs/bridgeArgs/properties/cni/properties/mac/format",keyword:"format",params:{format: "mac"}};
if(vErrors === null){
vErrors = [err33];
}
else {
vErrors.push(err33);
}
errors++;
}
}
else {
const err34 = {instancePath:instancePath+"/args/cni/mac",schemaPath:"#/$defs/bridgeArgs/properties/cni/properties/mac/type",keyword:"type",params:{type: "string"}};
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
const err35 = {instancePath:instancePath+"/args/cni",schemaPath:"#/$defs/bridgeArgs/properties/cni/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err35];
}
else {
vErrors.push(err35);
}
errors++;
}
}
}
else {
const err36 = {instancePath:instancePath+"/args",schemaPath:"#/$defs/bridgeArgs/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err36];
}
else {
vErrors.push(err36);
}
errors++;
}
}
if(data.runtimeConfig !== undefined){
let data25 = data.runtimeConfig;
if(data25 && typeof data25 == "object" && !Array.isArray(data25)){
if(data25.mac !== undefined){
let data26 = data25.mac;
if(typeof data26 === "string"){
if(!(formats4(data26))){
const err37 = {instancePath:instancePath+"/runtimeConfig/mac",schemaPath:"#/$defs/bridgeRuntimeConfig/properties/mac/format",keyword:"format",params:{format: "mac"}};
if(vErrors === null){
vErrors = [err37];
}
else {
vErrors.push(err37);
}
errors++;
}
}
else {
const err38 = {instancePath:instancePath+"/runtimeConfig/mac",schemaPath:"#/$defs/bridgeRuntimeConfig/properties/mac/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err38];
}
else {
vErrors.push(err38);
}
errors++;
}
}
}
else {
const err39 = {instancePath:instancePath+"/runtimeConfig",schemaPath:"#/$defs/bridgeRuntimeConfig/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err39];
}
else {
vErrors.push(err39);
}
errors++;
}
}
}
else {
const err40 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err40];
}
else {
vErrors.push(err40);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"bridge":true,"isGateway":true,"isDefaultGateway":true,"forceAddress":true,"ipMasq":true,"ipMasqBackend":true,"mtu":true,"hairpinMode":true,"promiscMode":true,"vlan":true,"vlanTrunk":true,"preserveDefaultVlan":true,"macspoofchk":true,"enabledad":true,"disableContainerInterface":true,"portIsolation":true,"ipam":true,"args":true,"runtimeConfig":true,"cniVersion":true,"name":true,"type":true,"capabilities":true,"dns":true,"prevResult":true,"cni.dev/valid-attachments":true,"cni.dev/attachments":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "bridge configuration", shape: {"keys":{"cniversion":{"name":"cniVersion","emptyIsAbsent":true},"name":{"name":"name"},"type":{"name":"type"},"capabilities":{"name":"capabilities"},"dns":{"name":"dns","shape":{"keys":{"nameservers":{"name":"nameservers"},"domain":{"name":"domain"},"search":{"name":"search"},"options":{"name":"options"}}}},"prevresult":{"name":"prevResult"},"cni.dev/valid-attachments":{"name":"cni.dev/valid-attachments","shape":{"items":{"keys":{"containerid":{"name":"containerID"},"ifname":{"name":"ifname"}}}}},"cni.dev/attachments":{"name":"cni.dev/attachments","shape":{"items":{"keys":{"containerid":{"name":"containerID"},"ifname":{"name":"ifname"}}}}},"bridge":{"name":"bridge","emptyIsAbsent":true},"isgateway":{"name":"isGateway"},"isdefaultgateway":{"name":"isDefaultGateway"},"forceaddress":{"name":"forceAddress"},"ipmasq":{"name":"ipMasq"},"ipmasqbackend":{"name":"ipMasqBackend","emptyIsAbsent":true},"mtu":{"name":"mtu"},"hairpinmode":{"name":"hairpinMode"},"promiscmode":{"name":"promiscMode"},"vlan":{"name":"vlan"},"vlantrunk":{"name":"vlanTrunk","shape":{"items":{"keys":{"id":{"name":"id"},"minid":{"name":"minID"},"maxid":{"name":"maxID"}}}}},"preservedefaultvlan":{"name":"preserveDefaultVlan"},"macspoofchk":{"name":"macspoofchk"},"enabledad":{"name":"enabledad"},"disablecontainerinterface":{"name":"disableContainerInterface"},"portisolation":{"name":"portIsolation"},"ipam":{"name":"ipam","shape":{"keys":{"type":{"name":"type","emptyIsAbsent":true}}}},"args":{"name":"args","shape":{"keys":{"cni":{"name":"cni","shape":{"keys":{"mac":{"name":"mac","emptyIsAbsent":true}}}}}}},"runtimeconfig":{"name":"runtimeConfig","shape":{"keys":{"mac":{"name":"mac","emptyIsAbsent":true}}}}}}, validate };
