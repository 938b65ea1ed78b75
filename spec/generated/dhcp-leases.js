// Made from spec/schema/dhcp-leases.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"dhcp-leases.json","type":"object","properties":{"leases":{"type":"array","items":{"$ref":"#/$defs/dhcpLease"}}},"$defs":{"dhcpLease":{"type":"object","properties":{"request":{"$ref":"#/$defs/dhcpDaemonRequest"},"grant":{"$ref":"#/$defs/dhcpGrant"},"grantedAt":{"type":"number"}},"required":["request","grant","grantedAt"]},"dhcpDaemonRequest":{"type":"object","properties":{"method":{"enum":["allocate","release","check","collect","status"]},"network":{"type":"string"},"containerId":{"type":"string"},"ifname":{"type":"string"},"netns":{"type":"string"},"requested":{"type":"array","items":{"type":"integer","minimum":0,"maximum":255}},"provided":{"type":"array","items":{"type":"object","properties":{"option":{"type":"integer","minimum":0,"maximum":255},"value":{"type":"array","items":{"type":"integer","minimum":0,"maximum":255}}}}},"priority":{"type":"integer","minimum":0,"maximum":4294967295},"valid":{"type":"array","items":{"type":"object","properties":{"containerId":{"type":"string"},"ifname":{"type":"string"}}}}},"required":["method"]},"dhcpGrant":{"type":"object","properties":{"result":{"type":"object"},"server":{"type":"string","format":"ipv4"},"renewAfter":{"type":"number"},"rebindAfter":{"type":"number"},"expireAfter":{"type":"number"}},"required":["result","server"]},"dhcpDaemonAnswer":{"type":"object","properties":{"result":{"type":"object"},"error":{"type":"object","properties":{"code":{"type":"integer"},"msg":{"type":"string"},"details":{"type":"string"}}}}}}};
const schema32 = {"type":"object","properties":{"request":{"$ref":"#/$defs/dhcpDaemonRequest"},"grant":{"$ref":"#/$defs/dhcpGrant"},"grantedAt":{"type":"number"}},"required":["request","grant","grantedAt"]};
const schema33 = {"type":"object","properties":{"method":{"enum":["allocate","release","check","collect","status"]},"network":{"type":"string"},"containerId":{"type":"string"},"ifname":{"type":"string"},"netns":{"type":"string"},"requested":{"type":"array","items":{"type":"integer","minimum":0,"maximum":255}},"provided":{"type":"array","items":{"type":"object","properties":{"option":{"type":"integer","minimum":0,"maximum":255},"value":{"type":"array","items":{"type":"integer","minimum":0,"maximum":255}}}}},"priority":{"type":"integer","minimum":0,"maximum":4294967295},"valid":{"type":"array","items":{"type":"object","properties":{"containerId":{"type":"string"},"ifname":{"type":"string"}}}}},"required":["method"]};
const schema34 = {"type":"object","properties":{"result":{"type":"object"},"server":{"type":"string","format":"ipv4"},"renewAfter":{"type":"number"},"rebindAfter":{"type":"number"},"expireAfter":{"type":"number"}},"required":["result","server"]};
const formats0 = FORMATS.ipv4.accepts;

function validate21(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
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
if(data.request === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "request"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.grant === undefined){
const err1 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "grant"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(data.grantedAt === undefined){
const err2 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "grantedAt"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(data.request !== undefined){
let data0 = data.request;
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
if(data0.method === undefined){
const err3 = {instancePath:instancePath+"/request",schemaPath:"#/$defs/dhcpDaemonRequest/required",keyword:"required",params:{missingProperty: "method"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
if(data0.method !== undefined){
let data1 = data0.method;
if(!(((((data1 === "allocate") || (data1 === "release")) || (data1 === "check")) || (data1 === "collect")) || (data1 === "status"))){
const err4 = {instancePath:instancePath+"/request/method",schemaPath:"#/$defs/dhcpDaemonRequest/properties/method/enum",keyword:"enum",params:{allowedValues: schema33.properties.method.enum}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data0.network !== undefined){
if(typeof data0.network !== "string"){
const err5 = {instancePath:instancePath+"/request/network",schemaPath:"#/$defs/dhcpDaemonRequest/properties/network/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data0.containerId !== undefined){
if(typeof data0.containerId !== "string"){
const err6 = {instancePath:instancePath+"/request/containerId",schemaPath:"#/$defs/dhcpDaemonRequest/properties/containerId/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
if(data0.ifname !== undefined){
if(typeof data0.ifname !== "string"){
const err7 = {instancePath:instancePath+"/request/ifname",schemaPath:"#/$defs/dhcpDaemonRequest/properties/ifname/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
if(data0.netns !== undefined){
if(typeof data0.netns !== "string"){
const err8 = {instancePath:instancePath+"/request/netns",schemaPath:"#/$defs/dhcpDaemonRequest/properties/netns/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
if(data0.requested !== undefined){
let data6 = data0.requested;
if(Array.isArray(data6)){
const len0 = data6.length;
for(let i0=0; i0<len0; i0++){
let data7 = data6[i0];
if(!(((typeof data7 == "number") && (!(data7 % 1) && !isNaN(data7))) && (isFinite(data7)))){
const err9 = {instancePath:instancePath+"/request/requested/" + i0,schemaPath:"#/$defs/dhcpDaemonRequest/properties/requested/items/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
if((typeof data7 == "number") && (isFinite(data7))){
if(data7 > 255 || isNaN(data7)){
const err10 = {instancePath:instancePath+"/request/requested/" + i0,schemaPath:"#/$defs/dhcpDaemonRequest/properties/requested/items/maximum",keyword:"maximum",params:{comparison: "<=", limit: 255}};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
if(data7 < 0 || isNaN(data7)){
const err11 = {instancePath:instancePath+"/request/requested/" + i0,schemaPath:"#/$defs/dhcpDaemonRequest/properties/requested/items/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
}
else {
const err12 = {instancePath:instancePath+"/request/requested",schemaPath:"#/$defs/dhcpDaemonRequest/properties/requested/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
if(data0.provided !== undefined){
let data8 = data0.provided;
if(Array.isArray(data8)){
const len1 = data8.length;
for(let i1=0; i1<len1; i1++){
let data9 = data8[i1];
if(data9 && typeof data9 == "object" && !Array.isArray(data9)){
if(data9.option !== undefined){
let data10 = data9.option;
if(!(((typeof data10 == "number") && (!(data10 % 1) && !isNaN(data10))) && (isFinite(data10)))){
const err13 = {instancePath:instancePath+"/request/provided/" + i1+"/option",schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/items/properties/option/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
if((typeof data10 == "number") && (isFinite(data10))){
if(data10 > 255 || isNaN(data10)){
const err14 = {instancePath:instancePath+"/request/provided/" + i1+"/option",schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/items/properties/option/maximum",keyword:"maximum",params:{comparison: "<=", limit: 255}};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
if(data10 < 0 || isNaN(data10)){
const err15 = {instancePath:instancePath+"/request/provided/" + i1+"/option",schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/items/properties/option/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data9.value !== undefined){
let data11 = data9.value;
if(Array.isArray(data11)){
const len2 = data11.length;
for(let i2=0; i2<len2; i2++){
let data12 = data11[i2];
if(!(((typeof data12 == "number") && (!(data12 % 1) && !isNaN(data12))) && (isFinite(data12)))){
const err16 = {instancePath:instancePath+"/request/provided/" + i1+"/value/" + i2,schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/items/properties/value/items/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
if((typeof data12 == "number") && (isFinite(data12))){
if(data12 > 255 || isNaN(data12)){
const err17 = {instancePath:instancePath+"/request/provided/" + i1+"/value/" + i2,schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/items/properties/value/items/maximum",keyword:"maximum",params:{comparison: "<=", limit: 255}};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
if(data12 < 0 || isNaN(data12)){
const err18 = {instancePath:instancePath+"/request/provided/" + i1+"/value/" + i2,schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/items/properties/value/items/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
const err19 = {instancePath:instancePath+"/request/provided/" + i1+"/value",schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/items/properties/value/type",keyword:"type",params:{type: "array"}};
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
const err20 = {instancePath:instancePath+"/request/provided/" + i1,schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/items/type",keyword:"type",params:{type: "object"}};
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
const err21 = {instancePath:instancePath+"/request/provided",schemaPath:"#/$defs/dhcpDaemonRequest/properties/provided/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err21];
}
else {
vErrors.push(err21);
}
errors++;
}
}
if(data0.priority !== undefined){
let data13 = data0.priority;
if(!(((typeof data13 == "number") && (!(data13 % 1) && !isNaN(data13))) && (isFinite(data13)))){
const err22 = {instancePath:instancePath+"/request/priority",schemaPath:"#/$defs/dhcpDaemonRequest/properties/priority/type",keyword:"type",params:{type: "integer"}};
if(vErrors === null){
vErrors = [err22];
}
else {
vErrors.push(err22);
}
errors++;
}
if((typeof data13 == "number") && (isFinite(data13))){
if(data13 > 4294967295 || isNaN(data13)){
const err23 = {instancePath:instancePath+"/request/priority",schemaPath:"#/$defs/dhcpDaemonRequest/properties/priority/maximum",keyword:"maximum",params:{comparison: "<=", limit: 4294967295}};
if(vErrors === null){
vErrors = [err23];
}
else {
vErrors.push(err23);
}
errors++;
}
if(data13 < 0 || isNaN(data13)){
const err24 = {instancePath:instancePath+"/request/priority",schemaPath:"#/$defs/dhcpDaemonRequest/properties/priority/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0}};
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
if(data0.valid !== undefined){
let data14 = data0.valid;
if(Array.isArray(data14)){
const len3 = data14.length;
for(let i3=0; i3<len3; i3++){
let data15 = data14[i3];
if(data15 && typeof data15 == "object" && !Array.isArray(data15)){
if(data15.containerId !== undefined){
if(typeof data15.containerId !== "string"){
const err25 = {instancePath:instancePath+"/request/valid/" + i3+"/containerId",schemaPath:"#/$defs/dhcpDaemonRequest/properties/valid/items/properties/containerId/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err25];
}
else {
vErrors.push(err25);
}
errors++;
}
}
if(data15.ifname !== undefined){
if(typeof data15.ifname !== "string"){
const err26 = {instancePath:instancePath+"/request/valid/" + i3+"/ifname",schemaPath:"#/$defs/dhcpDaemonRequest/properties/valid/items/properties/ifname/type",keyword:"type",params:{type: "string"}};
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
const err27 = {instancePath:instancePath+"/request/valid/" + i3,schemaPath:"#/$defs/dhcpDaemonRequest/properties/valid/items/type",keyword:"type",params:{type: "object"}};
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
const err28 = {instancePath:instancePath+"/request/valid",schemaPath:"#/$defs/dhcpDaemonRequest/properties/valid/type",keyword:"type",params:{type: "array"}};
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
const err29 = {instancePath:instancePath+"/request",schemaPath:"#/$defs/dhcpDaemonRequest/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err29];
}
else {
vErrors.push(err29);
}
errors++;
}
}
if(data.grant !== undefined){
let data18 = data.grant;
if(data18 && typeof data18 == "object" && !Array.isArray(data18)){
if(data18.result === undefined){
const err30 = {instancePath:instancePath+"/grant",schemaPath:"#/$defs/dhcpGrant/required",keyword:"required",params:{missingProperty: "result"}};
if(vErrors === null){
vErrors = [err30];
}
else {
vErrors.push(err30);
}
errors++;
}
if(data18.server === undefined){
const err31 = {instancePath:instancePath+"/grant",schemaPath:"#/$defs/dhcpGrant/required",keyword:"required",params:{missingProperty: "server"}};
if(vErrors === null){
vErrors = [err31];
}
else {
vErrors.push(err31);
}
errors++;
}
if(data18.result !== undefined){
let data19 = data18.result;
if(!(data19 && typeof data19 == "object" && !Array.isArray(data19))){
const err32 = {instancePath:instancePath+"/grant/result",schemaPath:"#/$defs/dhcpGrant/properties/result/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err32];
}
else {
vErrors.push(err32);
}
errors++;
}
}
if(data18.server !== undefined){
let data20 = data18.server;
if(typeof data20 === "string"){
if(!(formats0(data20))){
const err33 = {instancePath:instancePath+"/grant/server",schemaPath:"#/$defs/dhcpGrant/properties/server/format",keyword:"format",params:{format: "ipv4"}};
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
const err34 = {instancePath:instancePath+"/grant/server",schemaPath:"#/$defs/dhcpGrant/properties/server/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err34];
}
else {
vErrors.push(err34);
}
errors++;
}
}
if(data18.renewAfter !== undefined){
let data21 = data18.renewAfter;
if(!((typeof data21 == "number") && (isFinite(data21)))){
const err35 = {instancePath:instancePath+"/grant/renewAfter",schemaPath:"#/$defs/dhcpGrant/properties/renewAfter/type",keyword:"type",params:{type: "number"}};
if(vErrors === null){
vErrors = [err35];
}
else {
vErrors.push(err35);
}
errors++;
}
}
if(data18.rebindAfter !== undefined){
let data22 = data18.rebindAfter;
if(!((typeof data22 == "number") && (isFinite(data22)))){
const err36 = {instancePath:instancePath+"/grant/rebindAfter",schemaPath:"#/$defs/dhcpGrant/properties/rebindAfter/type",keyword:"type",params:{type: "number"}};
if(vErrors === null){
vErrors = [err36];
}
else {
vErrors.push(err36);
}
errors++;
}
}
if(data18.expireAfter !== undefined){
let data23 = data18.expireAfter;
if(!((typeof data23 == "number") && (isFinite(data23)))){
const err37 = {instancePath:instancePath+"/grant/expireAfter",schemaPath:"#/$defs/dhcpGrant/properties/expireAfter/type",keyword:"type",params:{type: "number"}};
if(vErrors === null){
vErrors = [err37];
}
else {
vErrors.push(err37);
}
errors++;
}
}
}
else {
const err38 = {instancePath:instancePath+"/grant",schemaPath:"#/$defs/dhcpGrant/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err38];
}
else {
vErrors.push(err38);
}
errors++;
}
}
if(data.grantedAt !== undefined){
let data24 = data.grantedAt;
if(!((typeof data24 == "number") && (isFinite(data24)))){
const err39 = {instancePath:instancePath+"/grantedAt",schemaPath:"#/properties/grantedAt/type",keyword:"type",params:{type: "number"}};
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
validate21.errors = vErrors;
return errors === 0;
}
validate21.evaluated = {"props":{"request":true,"grant":true,"grantedAt":true},"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="dhcp-leases.json" */;
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
if(data.leases !== undefined){
let data0 = data.leases;
if(Array.isArray(data0)){
const len0 = data0.length;
for(let i0=0; i0<len0; i0++){
if(!(validate21(data0[i0], {instancePath:instancePath+"/leases/" + i0,parentData:data0,parentDataProperty:i0,rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate21.errors : vErrors.concat(validate21.errors);
errors = vErrors.length;
}
}
}
else {
const err0 = {instancePath:instancePath+"/leases",schemaPath:"#/properties/leases/type",keyword:"type",params:{type: "array"}};
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
const err1 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"leases":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "file of DHCP leases", shape: {"keys":{"leases":{"name":"leases","shape":{"items":{"keys":{"request":{"name":"request","shape":{"keys":{"method":{"name":"method"},"network":{"name":"network"},"containerid":{"name":"containerId"},"ifname":{"name":"ifname"},"netns":{"name":"netns"},"requested":{"name":"requested"},"provided":{"name":"provided","shape":{"items":{"keys":{"option":{"name":"option"},"value":{"name":"value"}}}}},"priority":{"name":"priority"},"valid":{"name":"valid","shape":{"items":{"keys":{"containerid":{"name":"containerId"},"ifname":{"name":"ifname"}}}}}}}},"grant":{"name":"grant","shape":{"keys":{"result":{"name":"result"},"server":{"name":"server"},"renewafter":{"name":"renewAfter"},"rebindafter":{"name":"rebindAfter"},"expireafter":{"name":"expireAfter"}}}},"grantedat":{"name":"grantedAt"}}}}}}}, validate };
