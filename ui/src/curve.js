// One or more curves of points [x, y, words], with the chosen point [x, y, words] and a limit [x, words].
import { safe, text, tooltip, valueAxis } from "./theme.js";

function marks(data, colours) {
  if (!data.limit) return undefined;
  return {
    silent: true, symbol: "none", lineStyle: { color: colours.badFill, width: 1.5, type: [5, 4] },
    data: [{ xAxis: data.limit[0] }],
    label: { ...text(colours, 12.5, colours.bad), formatter: data.limit[1], position: "end", distance: 4 },
  };
}

function chosen(data, colours) {
  if (!data.chosen) return [];
  const [x, y, words] = data.chosen;
  const label = { ...text(colours, 12.5, colours.ink), show: true, formatter: words, position: "bottom", distance: 9 };
  return [{ type: "scatter", data: [[x, y, words]], symbolSize: 13, z: 4, label, labelLayout: { moveOverlap: "shiftX" },
            itemStyle: { color: colours.ground, borderColor: colours.ink, borderWidth: 2.5 } }];
}

export function curve(data, colours) {
  const ends = data.series.length > 1;
  const series = data.series.map((each, index) => ({
    name: each.name, type: "line", data: each.points, symbol: "circle", symbolSize: 6, smooth: 0.2, smoothMonotone: "x",
    lineStyle: { width: 2, color: colours.series[index] }, itemStyle: { color: colours.series[index] },
    endLabel: { ...text(colours, 13, colours.series[index]), show: ends, formatter: each.name, offset: [-70, -14] },
    markLine: index === 0 ? marks(data, colours) : undefined,
  }));
  return {
    grid: { left: 8, right: 18, top: 34, bottom: 30, containLabel: true },
    tooltip: { ...tooltip(colours), trigger: "item", formatter: ({ data: point }) => safe(point[2]).replace(": ", "<br>") },
    xAxis: { ...valueAxis(colours, data.x), nameLocation: "middle", nameGap: 30 },
    yAxis: { ...valueAxis(colours, data.y), nameTextStyle: { ...text(colours), align: "left", padding: [0, 0, 4, -20] } },
    series: [...series, ...chosen(data, colours)],
  };
}
