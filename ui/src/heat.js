// PUE by month (down) and hour (across). Data: cells [hour, month, value], low, high.
import { text, tooltip } from "./theme.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function heat(data, colours) {
  const axis = { type: "category", axisTick: { show: false }, axisLine: { show: false }, splitArea: { show: false } };
  return {
    grid: { left: 4, right: 6, top: 6, bottom: 52, containLabel: true },
    tooltip: {
      ...tooltip(colours),
      formatter: ({ data: [hour, month, pue] }) => `${MONTHS[month]}, ${hour}:00 to ${hour + 1}:00<br><b>PUE ${pue.toFixed(3)}</b>`,
    },
    xAxis: { ...axis, data: [...Array(24).keys()], axisLabel: { ...text(colours), interval: 2, formatter: (h) => `${h}:00`, hideOverlap: true } },
    yAxis: { ...axis, data: MONTHS, inverse: true, axisLabel: text(colours) },
    visualMap: {
      min: data.low, max: Math.max(data.high, data.low + 0.001), calculable: false, orient: "horizontal", left: "center",
      bottom: 0, itemWidth: 12, itemHeight: 150, text: [data.high.toFixed(3), data.low.toFixed(3)],
      textStyle: text(colours), inRange: { color: colours.heat },
    },
    series: [{ type: "heatmap", data: data.cells, itemStyle: { borderColor: colours.ground, borderWidth: 1 } }],
  };
}
