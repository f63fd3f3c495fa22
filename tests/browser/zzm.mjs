import { chromium } from "playwright-core"; import { readdirSync, writeFileSync } from "node:fs";
const d="/tmp/bt/shots/"; const b=await chromium.launch({executablePath:"/usr/bin/chromium"}); const p=await b.newPage({viewport:{width:2000,height:1000}});
const names=[...new Set(readdirSync(d).map(f=>f.replace(/-(light|dark)-\d+\.png$/,"")))].filter(n=>!process.argv[2]||n.includes(process.argv[2]));
for (const n of names){ const f=`/tmp/bt/m/${n}.html`; writeFileSync(f,`<body style="margin:8px;background:#888;display:flex;gap:8px;align-items:flex-start">${["light-1280","light-360","dark-360"].map(v=>`<img style="max-height:1700px;object-fit:cover;object-position:top" src="file://${d}${n}-${v}.png">`).join("")}</body>`); await p.goto("file://"+f); await p.screenshot({path:`/tmp/bt/m/${n}.png`,fullPage:true, clip:undefined}); console.log(`${n}.png`);}
await b.close();
