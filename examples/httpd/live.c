/* A line each second, `data: [connections, requests/s, bytes/s]`, and a page that draws them. The
 * page asks for the lines by an EventSource, and gets all of the last minute first. */
#include "live.h"

#include <stdio.h>

enum { LINE_SIZE = 80 };

struct live live;

static char lines[LIVE_SECONDS][LINE_SIZE]; /* the line of second n is at n % LIVE_SECONDS */
static int sizes[LIVE_SECONDS];
static uint64_t ticks;
static struct live before;

void live_tick(double seconds)
{
    int i = (int)(ticks++ % LIVE_SECONDS);
    double requests = (double)(live.requests - before.requests) / seconds;
    double bytes = (double)(live.bytes - before.bytes) / seconds;

    sizes[i] = snprintf(lines[i], LINE_SIZE, "data: [%d,%.0f,%.0f]\n\n", live.connections, requests,
                        bytes);
    before = live;
}

int live_lines(net_slice *slices, int count)
{
    uint64_t there = ticks < LIVE_SECONDS ? ticks : LIVE_SECONDS;
    uint64_t n = (uint64_t)count < there ? (uint64_t)count : there;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t line = (ticks - n + i) % LIVE_SECONDS;

        slices[i] = (net_slice){lines[line], (size_t)sizes[line]};
    }
    return (int)n;
}

/* clang-format off */
const char live_page[] =
    "<!doctype html>\n"
    "<html lang=en>\n"
    "<meta charset=utf-8>\n"
    "<meta name=viewport content='width=device-width'>\n"
    "<title>httpd: live</title>\n"
    "<style>\n"
    "  body { margin: 2.5rem auto; max-width: 44rem; padding: 0 1rem; color: #1d2733;\n"
    "         background: #f5f6f8; font: 16px/1.4 system-ui, sans-serif }\n"
    "  h1 { font-size: 1.25rem; margin: 0 }\n"
    "  #state { color: #5c6b7c; margin: .1rem 0 1.25rem }\n"
    "  section { background: #fff; border: 1px solid #dfe3e8; border-radius: 8px;\n"
    "            margin: .75rem 0; padding: .8rem 1.1rem .7rem }\n"
    "  header { align-items: baseline; display: flex; justify-content: space-between }\n"
    "  h2 { color: #5c6b7c; font-size: .9rem; font-weight: normal; margin: 0 }\n"
    "  output { font-size: 1.6rem; font-variant-numeric: tabular-nums; font-weight: 600 }\n"
    "  svg { display: block; height: 72px; margin-top: .3rem; width: 100% }\n"
    "  .area { fill: currentColor; opacity: .14 }\n"
    "  .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round;\n"
    "          vector-effect: non-scaling-stroke }\n"
    "  footer { color: #5c6b7c; display: flex; font-size: .8rem; justify-content: space-between }\n"
    "</style>\n"
    "<h1>httpd</h1>\n"
    "<p id=state>connecting</p>\n"
    "<main></main>\n"
    "<script>\n"
    "const SECONDS = 60, rows = [], state = document.getElementById('state')\n"
    "const units = ['B', 'KiB', 'MiB', 'GiB']\n"
    "function size(n) {\n"
    "  let i = 0\n"
    "  for (; n >= 1024 && i < 3; i++) n /= 1024\n"
    "  return n.toLocaleString('en', { maximumFractionDigits: n < 100 && i ? 1 : 0 }) + ' ' + units[i]\n"
    "}\n"
    "const plain = n => n.toLocaleString('en')\n"
    "const charts = [['connections', plain, '#3457d5'], ['requests per second', plain, '#0d8a5f'],\n"
    "                ['bytes sent per second', size, '#b4560f']].map(([name, text, color]) => {\n"
    "  const box = document.createElement('section')\n"
    "  box.innerHTML = `<header><h2>${name}</h2><output>-</output></header>\n"
    "    <svg viewBox='0 0 59 100' preserveAspectRatio=none style='color: ${color}'>\n"
    "    <path class=area /><path class=line /></svg>\n"
    "    <footer><span>a minute ago</span><span class=most></span><span>now</span></footer>`\n"
    "  document.querySelector('main').append(box)\n"
    "  return { text, at: selector => box.querySelector(selector) }\n"
    "})\n"
    "function draw() {\n"
    "  charts.forEach((chart, k) => {\n"
    "    const most = Math.max(1, ...rows.map(row => row[k]))\n"
    "    const left = SECONDS - rows.length\n"
    "    const d = rows.map((row, i) => `${left + i},${97 - row[k] / most * 92}`).join('L')\n"
    "    chart.at('.line').setAttribute('d', 'M' + d)\n"
    "    chart.at('.area').setAttribute('d', `M${left},100L${d}L59,100Z`)\n"
    "    chart.at('output').value = chart.text(rows[rows.length - 1][k])\n"
    "    chart.at('.most').textContent = 'at most ' + chart.text(most)\n"
    "  })\n"
    "}\n"
    "const events = new EventSource('/live/events')\n"
    "events.onopen = () => { rows.length = 0; state.textContent = 'as it happens' }\n"
    "events.onerror = () => { state.textContent = 'not connected; trying again' }\n"
    "events.onmessage = event => {\n"
    "  rows.push(JSON.parse(event.data))\n"
    "  if (rows.length > SECONDS) rows.shift()\n"
    "  draw()\n"
    "}\n"
    "</script>\n";
/* clang-format on */
