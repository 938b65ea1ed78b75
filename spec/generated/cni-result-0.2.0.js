// Made from spec/schema/cni-result-0.2.0.json by daemon/build/validators.ts (npm run generate). Do not edit.
import { FORMATS } from "../formats.ts";
export const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"cni-result-0.2.0.json","type":"object","properties":{"cniVersion":{"type":"string"},"ip4":{"$ref":"#/$defs/ipConfig"},"ip6":{"$ref":"#/$defs/ipConfig"},"dns":{"$ref":"cni-types.json#/$defs/dns"}},"$defs":{"ipConfig":{"type":"object","properties":{"ip":{"type":"string","format":"cidr"},"gateway":{"type":"string","format":"ip"},"routes":{"$ref":"cni-types.json#/$defs/routes"}},"required":["ip"]}}};
const schema36 = {"type":"object","properties":{"nameservers":{"type":"array","items":{"type":"string"}},"domain":{"type":"string"},"search":{"type":"array","items":{"type":"string"}},"options":{"type":"array","items":{"type":"string"}}}};
const schema32 = {"type":"object","properties":{"ip":{"type":"string","format":"cidr"},"gateway":{"type":"string","format":"ip"},"routes":{"$ref":"cni-types.json#/$defs/routes"}},"required":["ip"]};
const formats0 = FORMATS.cidr.accepts;
const formats2 = FORMATS.ip.accepts;
const schema34 = {"type":"array","items":{"$ref":"#/$defs/route"}};
const schema35 = {"type":"object","properties":{"dst":{"type":"string","format":"cidr"},"gw":{"type":"string","format":"ip"},"mtu":{"type":"integer","minimum":0,"maximum":4294967295},"advmss":{"type":"integer","minimum":0,"maximum":4294967295},"priority":{"type":"integer","minimum":0,"maximum":4294967295},"table":{"type":"integer","minimum":0,"maximum":4294967295},"scope":{"type":"integer","minimum":0,"maximum":255}},"required":["dst"]};

function validate23(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate23.evaluated;
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
validate23.errors = vErrors;
return errors === 0;
}
validate23.evaluated = {"items":true,"dynamicProps":false,"dynamicItems":false};


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
if(data.ip === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "ip"}};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.ip !== undefined){
let data0 = data.ip;
if(typeof data0 === "string"){
if(!(formats0(data0))){
const err1 = {instancePath:instancePath+"/ip",schemaPath:"#/properties/ip/format",keyword:"format",params:{format: "cidr"}};
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
const err2 = {instancePath:instancePath+"/ip",schemaPath:"#/properties/ip/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data.gateway !== undefined){
let data1 = data.gateway;
if(typeof data1 === "string"){
if(!(formats2(data1))){
const err3 = {instancePath:instancePath+"/gateway",schemaPath:"#/properties/gateway/format",keyword:"format",params:{format: "ip"}};
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
const err4 = {instancePath:instancePath+"/gateway",schemaPath:"#/properties/gateway/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.routes !== undefined){
if(!(validate23(data.routes, {instancePath:instancePath+"/routes",parentData:data,parentDataProperty:"routes",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate23.errors : vErrors.concat(validate23.errors);
errors = vErrors.length;
}
}
}
else {
const err5 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
validate21.errors = vErrors;
return errors === 0;
}
validate21.evaluated = {"props":{"ip":true,"gateway":true,"routes":true},"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
/*# sourceURL="cni-result-0.2.0.json" */;
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
if(data.ip4 !== undefined){
if(!(validate21(data.ip4, {instancePath:instancePath+"/ip4",parentData:data,parentDataProperty:"ip4",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate21.errors : vErrors.concat(validate21.errors);
errors = vErrors.length;
}
}
if(data.ip6 !== undefined){
if(!(validate21(data.ip6, {instancePath:instancePath+"/ip6",parentData:data,parentDataProperty:"ip6",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate21.errors : vErrors.concat(validate21.errors);
errors = vErrors.length;
}
}
if(data.dns !== undefined){
let data3 = data.dns;
if(data3 && typeof data3 == "object" && !Array.isArray(data3)){
if(data3.nameservers !== undefined){
let data4 = data3.nameservers;
if(Array.isArray(data4)){
const len0 = data4.length;
for(let i0=0; i0<len0; i0++){
if(typeof data4[i0] !== "string"){
const err1 = {instancePath:instancePath+"/dns/nameservers/" + i0,schemaPath:"cni-types.json#/$defs/dns/properties/nameservers/items/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
}
else {
const err2 = {instancePath:instancePath+"/dns/nameservers",schemaPath:"cni-types.json#/$defs/dns/properties/nameservers/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data3.domain !== undefined){
if(typeof data3.domain !== "string"){
const err3 = {instancePath:instancePath+"/dns/domain",schemaPath:"cni-types.json#/$defs/dns/properties/domain/type",keyword:"type",params:{type: "string"}};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data3.search !== undefined){
let data7 = data3.search;
if(Array.isArray(data7)){
const len1 = data7.length;
for(let i1=0; i1<len1; i1++){
if(typeof data7[i1] !== "string"){
const err4 = {instancePath:instancePath+"/dns/search/" + i1,schemaPath:"cni-types.json#/$defs/dns/properties/search/items/type",keyword:"type",params:{type: "string"}};
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
const err5 = {instancePath:instancePath+"/dns/search",schemaPath:"cni-types.json#/$defs/dns/properties/search/type",keyword:"type",params:{type: "array"}};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data3.options !== undefined){
let data9 = data3.options;
if(Array.isArray(data9)){
const len2 = data9.length;
for(let i2=0; i2<len2; i2++){
if(typeof data9[i2] !== "string"){
const err6 = {instancePath:instancePath+"/dns/options/" + i2,schemaPath:"cni-types.json#/$defs/dns/properties/options/items/type",keyword:"type",params:{type: "string"}};
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
const err7 = {instancePath:instancePath+"/dns/options",schemaPath:"cni-types.json#/$defs/dns/properties/options/type",keyword:"type",params:{type: "array"}};
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
const err8 = {instancePath:instancePath+"/dns",schemaPath:"cni-types.json#/$defs/dns/type",keyword:"type",params:{type: "object"}};
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
const err9 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"}};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":{"cniVersion":true,"ip4":true,"ip6":true,"dns":true},"dynamicProps":false,"dynamicItems":false};
export const contract = { name: "CNI result", shape: {"keys":{"cniversion":{"name":"cniVersion","emptyIsAbsent":true},"ip4":{"name":"ip4","shape":{"keys":{"ip":{"name":"ip"},"gateway":{"name":"gateway","emptyIsAbsent":true},"routes":{"name":"routes","shape":{"items":{"keys":{"dst":{"name":"dst"},"gw":{"name":"gw","emptyIsAbsent":true},"mtu":{"name":"mtu"},"advmss":{"name":"advmss"},"priority":{"name":"priority"},"table":{"name":"table"},"scope":{"name":"scope"}}}}}}}},"ip6":{"name":"ip6","shape":{"keys":{"ip":{"name":"ip"},"gateway":{"name":"gateway","emptyIsAbsent":true},"routes":{"name":"routes","shape":{"items":{"keys":{"dst":{"name":"dst"},"gw":{"name":"gw","emptyIsAbsent":true},"mtu":{"name":"mtu"},"advmss":{"name":"advmss"},"priority":{"name":"priority"},"table":{"name":"table"},"scope":{"name":"scope"}}}}}}}},"dns":{"name":"dns","shape":{"keys":{"nameservers":{"name":"nameservers"},"domain":{"name":"domain"},"search":{"name":"search"},"options":{"name":"options"}}}}}}, validate };
