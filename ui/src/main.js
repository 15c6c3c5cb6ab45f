// The report's script: draws each chart from the embedded JSON and redraws it when width or colours change.
import * as echarts from "echarts/core";
import { HeatmapChart, LineChart, SankeyChart, ScatterChart, TreemapChart } from "echarts/charts";
import { AriaComponent, GridComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";
import { curve } from "./curve.js";
import { floor } from "./floor.js";
import { heat } from "./heat.js";
import { sankey } from "./sankey.js";
import { palette } from "./theme.js";
import { tree } from "./tree.js";
import { year } from "./year.js";

echarts.use([
  HeatmapChart, LineChart, SankeyChart, ScatterChart, TreemapChart,
  AriaComponent, GridComponent, MarkLineComponent, TooltipComponent, VisualMapComponent, SVGRenderer,
]);

const KINDS = { curve, heat, sankey, tree, year };
const charts = JSON.parse(document.getElementById("charts").textContent);
const drawn = new Map();

function draw(host) {
  const chart = charts[host.dataset.chart];
  const drawing = drawn.get(host) ?? echarts.init(host, null, { renderer: "svg" });
  drawn.set(host, drawing);
  drawing.resize();
  const base = { animation: false, backgroundColor: "transparent" };
  drawing.setOption({ ...base, ...KINDS[chart.kind](chart, palette(), host.clientWidth) }, true);
  host.dataset.drawn = "yes";
}

const hosts = [...document.querySelectorAll("[data-chart]")];
const drawAll = () => hosts.forEach(draw);

function whenResized(action) {
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(action);
  });
}

function foldersInPrint() {
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((each) => (each.open = true));
    drawAll();
  });
  addEventListener("afterprint", () => {
    closed.forEach((each) => (each.open = false));
    drawAll();
  });
}

function whereWeAre() {
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link, id) => link.classList.toggle("here", id === entry.target.id));
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  links.forEach((_, id) => seen.observe(document.getElementById(id)));
}

drawAll();
floor(document.getElementById("floor-plan"));
whenResized(drawAll);
foldersInPrint();
whereWeAre();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
matchMedia("print").addEventListener("change", drawAll);
document.documentElement.dataset.ready = "yes";
