var WORDS={live:"live",reconnecting:"reconnecting…",stale:"out of date, reconnecting…"},LOOKS="position:fixed;right:0;bottom:0;padding:4px 8px;background:#2\
22;color:#fff;font:12px sans-serif;z-index:9999";function badge(receiver,element){element||(element=(document.body||document.documentElement).appendChild(document.
createElement("div")),element.style.cssText=LOOKS);let words={...WORDS,...receiver.words},show=()=>element.textContent=words[element.dataset.state=receiver.state];
return element.setAttribute("role","status"),show(),show}var channelOf=name=>name.replace(/(.)![\w-]{0,32}\.[\da-z]{1,8}\.[\w-]{22}$/s,"$1");var AFTER_S=21600,PAUSE_MS=6e4;function lostChannel(frame){return frame.reason&&!frame.id||frame.code==="not-allowed"?frame.channel:void 0}function renew(receiver,names,afterS=AFTER_S){
let feed=receiver._feed,{take,beat,moveTo}=feed,due=Date.now()+afterS*1e3,asked=-1/0,lost=[],left;async function ask(){asked=Date.now(),due=asked+PAUSE_MS;try{takeNames(
typeof names=="function"?await names():await fetchNames(names)),due=asked+afterS*1e3}catch(error){console.error("EventReceiver: renew",error)}}function takeNames(list){
let fresh=new Map([...list].map(name=>[channelOf(name),name])),old=receiver.channels.concat(receiver.channels===left?lost.filter(name=>fresh.has(channelOf(name))):
[]);lost=[];let nameOf=name=>fresh.get(channelOf(name))||name;feed.beginAt(old.map(name=>[nameOf(name),feed.position(name)])),receiver.updateChannels(old.map(nameOf))}
function lose(link,channel){let isOther=name=>channelOf(name)!==channel;link.covered=link.covered.filter(isOther),receiver.channels!==left&&(lost=[]),lost.push(
...receiver.channels.filter(name=>!isOther(name))),receiver.updateChannels(receiver.channels.filter(isOther)),left=receiver.channels,feed.report("cover"),due=Math.
min(due,asked+PAUSE_MS)}feed.take=(link,frame)=>{let isCurrent=link===feed.link;take.call(feed,link,frame);let channel=isCurrent&&lostChannel(frame);channel&&lose(
link,channel)},feed.moveTo=(id,covered)=>{let channels=covered.map(channelOf);moveTo.call(feed,id,covered.concat(feed.channels.filter(name=>channels.includes(channelOf(
name)))))},feed.beat=()=>{beat.call(feed),Date.now()>=due&&ask()}}async function fetchNames(url){let answer=await fetch(url,{cache:"no-store"});if(!answer.ok)throw new Error(
`${url} answers ${answer.status}`);return answer.json()}var MOST_CHANNELS=10,LONGEST_NAME=100;function lead(feed,group){let leader=crypto.randomUUID(),tabs=new BroadcastChannel(group),members=new Map,wants=new Map,most=MOST_CHANNELS,
tell=message=>tabs.postMessage({leader,...message}),tellCovered=lost=>tell({members,covered:feed.link?feed.link.covered:[],lost}),fits=([name,start])=>start&&name&&
channelOf(name).length<=LONGEST_NAME,namesOf=(...lists)=>[...new Set([].concat(...lists).map(([channel])=>channel))].sort();function forget(tab){members.delete(
tab),wants.delete(tab)}function refuse(tab){forget(tab),tell({refused:tab})}function shrink(){most=Math.max(1,feed.channels.length-1),refuse([...members.keys()].
pop()),feed.follow(namesOf(...wants.values()),[])}function refuseFor(channel){for(let[tab,want]of wants)want.some(([name])=>channelOf(name)===channel)&&refuse(tab);
feed.follow(namesOf(...wants.values()),[])}async function forgetCrashed(){let{held}=await navigator.locks.query(),names=held.map(({name})=>name);[...members.keys()].
filter(tab=>!names.includes(tab)).forEach(forget)}feed.leads=!0,feed.report=(kind,data)=>{kind==="lose"?tellCovered({code:data.code,reason:data.reason}):kind===
"cover"?tellCovered():kind!=="error"?tell({frame:data}):lostChannel(data)?refuseFor(lostChannel(data)):data.code!=="server-capacity"&&shrink()};let{take}=feed;return feed.
take=(link,frame)=>{take.call(feed,link,frame),link===feed.link&&frame.reason&&lostChannel(frame)&&tell({frame})},tabs.onmessage=({data:{tab,asked,want}})=>{if(!want)
return;forget(tab);let channels=namesOf(want,...wants.values());if(forgetCrashed(),channels.length>most||!want.every(fits))return tell({refused:tab});want.length&&
(members.set(tab,asked),wants.set(tab,want)),feed.follow(channels,want),tellCovered(),feed.wake()},feed.begin(),tellCovered(),()=>{feed.end(),tabs.close()}}var MOST_GROUPS=3;async function openShare(feed,link,ways,Feed){if(feed.link===link)for(let number=1;number<=MOST_GROUPS;number++){if(!knowsPositions(feed))return findPositions(
feed,link,ways[0]);if(await join(feed,link,ways,Feed,`oyez ${number} ${ways[0][1]}`),feed.link!==link)return;link.covered=[],feed.report("cover")}}var knowsPositions=feed=>feed.
channels.every(channel=>feed.position(channel));async function findPositions(feed,link,[open,url]){let looking=setInterval(()=>feed.link===link&&knowsPositions(
feed)&&feed.connect(),200);try{await open(feed,link,url)}finally{clearInterval(looking)}}function join(feed,link,ways,Feed,group){let me=crypto.randomUUID(),tabs=new BroadcastChannel(
group),waiting=new AbortController,stopLeading=()=>{},asked=0,known,end,left=new Promise(resolve=>end=resolve);function leave(){link.close===leave&&(link.close=
()=>{},link.ask=null,waiting.abort(),tabs.postMessage({tab:me,want:[]}),tabs.close(),stopLeading(),end())}link.close=leave,link.ask=()=>{let want=feed.channels.
map(channel=>[channel,feed.position(channel)]);for(let[channel,position]of want)feed.at.set(channel,position);tabs.postMessage({tab:me,asked:++asked,want})},tabs.
onmessage=({data:{leader,members,covered,lost,frame,refused}})=>{if(leader){if(feed.heard=Date.now(),link.waits=!0,refused===me)return leave();if(members&&!members.
has(me)&&link.ask(),members&&members.get(me)===asked){known=leader;let wasLive=feed.isLive();feed.cover(link,feed.channels.filter(channel=>covered.includes(channel))),
lost&&wasLive&&feed.report("lose",lost)}frame&&leader===known&&feed.take(link,frame)}};let hold=(name,begin)=>navigator.locks.request(name,{signal:waiting.signal},
()=>(begin(),left)).catch(leave);return hold(me,()=>link.ask?.()),hold(group,()=>stopLeading=lead(new Feed(ways),group)),left}export{badge,openShare,renew};
