// Colours and type come from the page's style sheet, so that charts follow the light and the dark scheme.
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ground: of("ground"), raised: of("raised"), ink: of("ink"), soft: of("soft"), hair: of("hair"),
    bad: of("bad"), good: of("good"), badFill: of("bad-fill"),
    series: [0, 1, 2, 3, 4, 5, 6, 7].map((index) => of(`c${index}`)),
    heat: [of("heat0"), of("heat1"), of("heat2")],
    font: of("sans"),
  };
}

export const text = (colours, size = 12.5, color = colours.soft) => ({
  color, fontFamily: colours.font, fontSize: size,
});

export const tooltip = (colours) => ({
  confine: true, backgroundColor: colours.ground, borderColor: colours.hair, padding: [6, 10],
  textStyle: text(colours, 13, colours.ink), extraCssText: "box-shadow:0 2px 10px rgba(0,0,0,.14)",
});

export function valueAxis(colours, axis) {
  return {
    type: axis.log ? "log" : "value", name: axis.name, scale: Boolean(axis.scale),
    nameTextStyle: text(colours), axisLabel: { ...text(colours), hideOverlap: true },
    axisLine: { show: false }, axisTick: { show: false }, splitLine: { lineStyle: { color: colours.hair } },
  };
}

// Text of the data may hold markup characters; ECharts puts a formatter's result into the page as HTML.
export const safe = (value) => String(value).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
