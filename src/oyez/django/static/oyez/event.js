/* src/oyez/browser/event */(()=>{"use strict";
var running=new Set;function watchPage(){let wake=()=>running.forEach(feed=>feed.wake(!0));addEventListener("online",wake),addEventListener("pageshow",wake),document.
addEventListener("visibilitychange",()=>running.forEach(feed=>document.hidden?feed.hide():feed.wake(!0))),addEventListener("pagehide",()=>running.forEach(feed=>feed.
report("cover",feed.drop()))),setInterval(()=>running.forEach(feed=>feed.beat()),5e3)}var channelOf=name=>name.replace(/(.)![\w-]{0,32}\.[\da-z]{1,8}\.[\w-]{22}$/s,"$1"),Positions=class{constructor(){this.starts=new Map,this.at=new Map}position(channel){
return Math.max(this.at.get(channel)||0,this.starts.get(channel))}start(channels){let known=channels.map(channel=>this.position(channel)).filter(Boolean);for(let channel of channels)
this.at.set(channel,this.position(channel));return known.length?Math.min(...known):0}beginAt(starts){let back=!1;for(let[channel,start]of starts){let known=this.
starts.has(channel);known&&start>=this.position(channel)||(this.starts.set(channel,start),this.at.delete(channel),back=back||known)}return back}moveTo(id,channels){
for(let channel of channels)this.at.set(channel,Math.max(id,this.at.get(channel)||0))}skipGap({channel,from,oldest},newest){let idsBeganAnew=from>=oldest;if(!idsBeganAnew&&
oldest<=(this.at.get(channel)||0)+1)return!1;let position=idsBeganAnew?newest:oldest-1;return this.at.set(channel,position),this.starts.set(channel,position),!0}};async function get(feed,link,url){let aborter=new AbortController;link.close=()=>aborter.abort();let answer=await fetch(url,{cache:"no-store",signal:aborter.signal});
return answer.status===400&&feed.take(link,{status:"error",message:await answer.text()}),answer}var BRIEF_PAUSE_MS=1e4;async function openPoll(feed,link,url){let channels=feed.channels,path=[url,...channels.map(encodeURIComponent)].join("|");if(!path.includes(
"%7C"))for(;feed.link===link;){let nowait=+(link.brief||!link.since),answer=await get(feed,link,`${path}?notify=1&nowait=${nowait}&max=256&last=${feed.start(channels)}`),
data=await answer.json();if(feed.link!==link||![200,504].includes(answer.status))return feed.take(link,data);feed.cover(link,channels);let gaps=data.gaps||JSON.
parse(answer.headers.get("Oyez-Gap")||"[]"),frames=data.events?.[0]?data.events:[data];for(let gap of gaps)feed.take(link,{status:"gap",id:frames[0].id-1,...gap});
for(let frame of frames)feed.take(link,frame);link.brief&&!frames[0].channel&&await new Promise(resolve=>setTimeout(resolve,BRIEF_PAUSE_MS))}}async function openSocket(feed,link,url){let socket=new WebSocket(url),send=command=>socket.send(JSON.stringify(command));return link.close=()=>socket.close(),link.
ask=()=>{if(socket.readyState!==1)return;let filter=feed.channels;link.asked.push(filter),send({command:"start-msg",start:feed.start(filter.filter(channel=>!link.
covered.includes(channel)))}),send({command:"set-filter",filter,notify:!0,position:!0})},socket.onopen=link.ask,socket.onmessage=({data})=>feed.take(link,JSON.parse(
data)),new Promise(resolve=>socket.onclose=resolve)}function tryToOpen(url,callBack){try{let trial=new WebSocket(url);trial.onopen=()=>{trial.close(),callBack()}}catch{}}async function openStream(feed,link,url){let channels=feed.channels;link.asked.push(channels);let query=channels.map(channel=>`channel=${encodeURIComponent(channel)}\
&`).join(""),reader=(await get(feed,link,`${url}?${query}last=${feed.start(channels)}`)).body.getReader(),decoder=new TextDecoder;for(let text="";;){let{done,value}=await reader.
read();if(done)return;let records=(text+decoder.decode(value,{stream:!0})).split(`

`);text=records.pop();for(let record of records)feed.take(link,readRecord(record))}}function readRecord(record){let fields={};for(let line of record.split(`
`)){let[name]=line.split(":");fields[name]=(fields[name]||"")+line.slice(name.length+2)}return{id:+fields.id,...fields.event==="gap"&&{status:"gap"},...JSON.parse(
fields.data||"{}")}}var OPENING_MS=6e3,ANSWER_MS=5e3,PROVEN_MS=5e3,QUIET_MS=25e3,SILENT_MS=45e3,JUST_NOW_MS=1e3,FIRST_WAIT_MS=400,WAIT_GROWTH=1.7,LONGEST_WAIT_MS=3e4,FAILS_WITHOUT_ROOM=6,
MORE_CHANCES=3,BEATS_TO_RETRY=60,HOLDING_A_CONNECTION=[openStream,openPoll],ENDED={code:1006,reason:""},Feed=class extends Positions{constructor(ways,report){super(),
this.ways=ways,this.report=report,this.channels=[],this.link=null,this.heard=0,this.timer=void 0,this.way=0,this.proven=void 0,this.fails=0,this.tries=0,this.beats=
0,this.leads=!1}begin(){running.add(this),this.connect()}end(){running.delete(this),this.drop()}follow(channels,starts){let changed=JSON.stringify(channels)!==JSON.
stringify(this.channels),back=this.beginAt(starts);this.channels=channels,back||changed&&!(this.link?.ask&&channels.length)?this.connect():changed&&this.link.ask()}isLive(){
return this.link&&this.channels.every(channel=>this.link.covered.includes(channel))}wake(isNews=!1){isNews&&(this.fails=0,this.tries=MORE_CHANCES),this.link&&!this.
link.brief?this.check(JUST_NOW_MS,QUIET_MS):this.connect()}hide(){this.link&&!this.link.ask&&!this.leads&&this.connect()}beat(){this.check(QUIET_MS,SILENT_MS),this.
isLive()&&++this.beats%BEATS_TO_RETRY===0&&this.retry()}connect(){if(this.drop(),!running.has(this)||!this.channels.length)return;let[open,url]=this.ways[this.way],
brief=document.hidden&&!this.leads&&HOLDING_A_CONNECTION.includes(open);brief&&([open,url]=this.ways[this.ways.length-1]);let link={brief,covered:[],asked:[],close(){}};
this.link=link,this.heard=Date.now(),this.timer=setTimeout(()=>link.since||link.waits||this.lose(link),OPENING_MS),open(this,link,url).catch(()=>{}).then(end=>this.
lose(link,end))}drop(){clearTimeout(this.timer),this.link?.close(),this.link=null}lose(link,end=ENDED){if(link!==this.link)return;this.drop(),Date.now()-link.since>
PROVEN_MS&&(this.fails=this.tries=0);let longest=Math.min(LONGEST_WAIT_MS,FIRST_WAIT_MS*WAIT_GROWTH**this.fails);this.timer=setTimeout(()=>this.connect(),Math.random()*
longest),this.fails++;let chances=this.way===this.proven&&!link.waits?MORE_CHANCES:0;!link.brief&&++this.tries>chances&&(this.tries=0,this.way=(this.way+1)%this.
ways.length),this.report(link.since?"lose":"cover",end)}check(quietMs,silentMs){let link=this.link,asked=Date.now();!link||asked-this.heard<quietMs||(link.ask?(link.
ask(),setTimeout(()=>this.heard<asked&&this.lose(link),ANSWER_MS)):asked-this.heard>silentMs&&this.connect())}retry(){let way=this.ways.slice(0,this.way).findIndex(
([open])=>open===openSocket);way<0||tryToOpen(this.ways[way][1],()=>{this.way=way,this.connect()})}cover(link,channels){let wasLive=this.isLive();link.covered=channels,
!wasLive&&this.isLive()&&(this.way>this.proven&&this.retry(),this.proven=this.way),link.since=link.since||Date.now(),this.report("cover")}take(link,frame){if(link!==
this.link)return;this.heard=Date.now(),link.id=frame.id||link.id,frame.status==="error"&&this.takeRefusal(link,frame),frame.status==="success"&&this.cover(link,
link.asked.shift());let isOf=name=>channelOf(name)===channelOf(frame.channel),names=frame.channel?link.covered.filter(isOf):[];frame.channel&&!names.length||(frame.
status==="gap"?names.filter(name=>this.skipGap({...frame,channel:name},link.id)).length&&this.report("gap",{...frame,id:link.id}):frame.id&&this.takeEvent(link,
frame,names))}takeRefusal(link,frame){console.error("EventReceiver:",frame.message),link.asked.shift(),link.since||(this.fails=FAILS_WITHOUT_ROOM),this.report("\
error",frame)}takeEvent(link,frame,names){let{id,channel}=frame,isNew=names.some(name=>id>(this.at.get(name)||0));this.moveTo(id,link.covered),channel?isNew&&this.
report("event",frame):this.report("move",{id})}};var script=document.currentScript;var home;function haveFilesAt(url){home=url}function importExtras(){return script?.src===""&&home?import(`${home}event-extras.js`):import("./event-extras.js")}async function openShare(feed,link,ways){return(await importExtras()).openShare(feed,link,ways,Feed)}function findWays(url,poller,share){let base=poller?url:`${String(url||"").replace(/\/+$/,"")}/socket.io/`,socket=new URL(base,location.href).href.replace(/^http/,
"ws"),http=socket.replace("ws","http");poller||haveFilesAt(http);let ways=poller?[[openSocket,socket],[openPoll,poller[0]]].filter(([,url2])=>url2):[[openSocket,
`${socket}event/`],[openStream,`${http}sse`],[openPoll,`${http}channels/`]],shared=share?[...ways]:ways.slice(1);return share!==!1&&shared[0]&&navigator.locks&&
ways.splice(+!share,0,[openShare,shared]),ways}var STALE_MS=1e4,GAPS_MS=50,EventReceiver=class{constructor(...args){let poller=Array.isArray(args[1])?null:args.splice(1,1),[socketUrl,channels,last,onmessage,
options]=args,{badge,share,paused,ongap,onstate,onwsclose,words,...unknown}=options||{};for(let name in unknown)console.error("EventReceiver: unknown option",name);
Object.assign(this,{socketUrl,onmessage,ongap,onstate,onwsclose,words}),this._start=Number(last)%2**53||0,this.last_msg=this._start,this.state="reconnecting",this.
_aging=void 0,this._gaps=[],this._label=void 0,this._feed=new Feed(findWays(socketUrl,poller,share),(kind,data)=>this._hear(kind,data)),this.updateChannels(channels),
badge&&this.badge(),paused||this.reconnect()}reconnect(){this._feed.begin(),this._updateState()}disconnect(){this._feed.end(),this._aging=clearTimeout(this._aging),
this._setState("stale")}updateChannels(channels,start){let feed=this._feed,texts=Array.from(channels,channel=>decodeURIComponent(encodeURIComponent(channel)));this.
channels=[...new Set(texts)];let fresh=this.channels.filter(channel=>!feed.starts.has(channel));feed.follow(this.channels,fresh.map(channel=>[channel,Number(start)||
this._start]))}async badge(element){this._label=(await importExtras()).badge(this,element)}async renew(...args){(await importExtras()).renew(this,...args)}_hear(kind,data){
kind==="event"?(this._callBack("onmessage",data.message,data),this.last_msg=Math.max(this.last_msg,data.id)):kind==="gap"?this._hearOfGap(data):this._updateState(),
kind==="lose"&&this._callBack("onwsclose",data)}_hearOfGap({channel,from,oldest}){this._gaps.length||setTimeout(()=>this._callBack("ongap",this._gaps.splice(0)),
GAPS_MS),this._gaps.push(channel),from>=oldest&&(this._start=1)}_updateState(){let live=this._feed.isLive();live?this._aging=clearTimeout(this._aging):this._aging=
this._aging||setTimeout(()=>this._setState("stale"),STALE_MS),(live||this.state==="live")&&this._setState(live?"live":"reconnecting")}_setState(state){state!==this.
state&&(this.state=state,this._label?.(),this._callBack("onstate",state))}_callBack(name,...args){try{this[name]?.(...args)}catch(error){setTimeout(()=>{throw error})}}};
EventReceiver.page=void 0;EventReceiver.follow=void 0;function followTag(script2){let{channels,url,poll,last,...flags}=script2?script2.dataset:{};if(!channels)return;let list=JSON.parse(channels),page=EventReceiver.
page;if(page)return page.updateChannels(page.channels.concat(list),last);let share="share"in flags?flags.share!=="false":void 0,options={badge:"badge"in flags,share,
paused:!0};page=EventReceiver.page=new EventReceiver(url,...poll?[poll]:[],list,last,null,options);let dispatch=(name,detail)=>document.dispatchEvent(new CustomEvent(
`oyez:${name}`,{detail}));page.onmessage=(message,event)=>dispatch("message",event),page.ongap=channels2=>dispatch("gap",{channels:channels2}),page.onstate=state=>dispatch(
"state",{state}),flags.renew&&page.renew(flags.renew,flags.renewAfter),new Promise(ready=>{document.readyState==="complete"&&setTimeout(ready),addEventListener(
"DOMContentLoaded",ready),addEventListener("pageshow",ready)}).then(()=>page.reconnect())}self.EventReceiver?.follow?self.EventReceiver.follow(script):(watchPage(),self.EventReceiver=EventReceiver,EventReceiver.follow=followTag,followTag(script));
})();
