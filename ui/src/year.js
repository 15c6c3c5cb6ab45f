// A year by day: least, mean and greatest hour of the power, and the highest outdoor temperature below it.
import { text, tooltip, valueAxis } from "./theme.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAYS = LENGTHS.flatMap((length, month) => Array.from({ length }, (_, day) => `${day + 1} ${MONTHS[month]}`));

function days(colours, index, labels) {
  return {
    type: "category", gridIndex: index, data: DAYS, boundaryGap: false, axisTick: { show: false },
    axisLine: { lineStyle: { color: colours.hair } },
    axisLabel: {
      ...text(colours), show: labels, interval: (_, day) => /^15 /.test(day), formatter: (day) => day.slice(3), hideOverlap: true,
    },
  };
}

export function year(data, colours) {
  const value = (index) => ({ ...valueAxis(colours, { scale: true }), gridIndex: index, splitNumber: index ? 2 : 4 });
  const line = (name, values, color, more = {}) => ({
    name, type: "line", data: values, showSymbol: false, lineStyle: { width: 1.4, color }, itemStyle: { color }, ...more,
  });
  const band = { type: "line", stack: "band", showSymbol: false, lineStyle: { opacity: 0 }, silent: true };
  const spread = data.high.map((high, day) => high - data.low[day]);
  return {
    grid: [
      { left: 8, right: 8, top: 26, height: "54%", containLabel: true },
      { left: 8, right: 8, bottom: 4, height: "22%", containLabel: true },
    ],
    tooltip: {
      ...tooltip(colours), trigger: "axis",
      formatter: ([{ dataIndex: day }]) =>
        `${DAYS[day]}<br><b>${data.mean[day]} ${data.unit}</b> mean<br>${data.low[day]} to ${data.high[day]} ${data.unit}` +
        `<br>up to ${data.ambient[day]} °C outdoors`,
    },
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    xAxis: [days(colours, 0, false), days(colours, 1, true)],
    yAxis: [
      { ...value(0), name: `${data.unit}: mean and range of the day`, nameTextStyle: { ...text(colours), align: "left" } },
      { ...value(1), name: "°C, highest of the day", nameTextStyle: { ...text(colours), align: "left" } },
    ],
    series: [
      { ...band, data: data.low, stackStrategy: "all" },
      { ...band, data: spread, stackStrategy: "all", areaStyle: { color: colours.series[0], opacity: 0.25 } },
      line("mean", data.mean, colours.series[0]),
      line("outdoors", data.ambient, colours.series[1], { xAxisIndex: 1, yAxisIndex: 1 }),
    ],
  };
}
