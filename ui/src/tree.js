// A tree of amounts as a treemap. Data: {name, value, text, children}.
import { safe, text, tooltip } from "./theme.js";

export function tree(data, colours) {
  const level = (gap, header) => ({
    itemStyle: { borderColor: colours.ground, borderWidth: gap, gapWidth: gap },
    upperLabel: { show: header, height: 20, ...text(colours, 12.5, colours.ground), fontWeight: 600 },
  });
  const branch = (node, color) => ({
    ...node, itemStyle: { color }, children: node.children?.map((child) => branch(child, color)),
  });
  const top = (data.children ?? []).map((node, index) => branch(node, colours.series[index % 8]));
  return {
    tooltip: {
      ...tooltip(colours),
      formatter: ({ treePathInfo, data: node }) =>
        `${treePathInfo.slice(1).map((step) => safe(step.name)).join(" › ")}<br><b>${safe(node?.text ?? data.text)}</b>`,
    },
    series: [{
      type: "treemap", left: 0, right: 0, top: 0, bottom: 0, roam: false, nodeClick: false, breadcrumb: { show: false },
      data: top, name: data.name, levels: [level(0, false), level(1, true), level(1, false)],
      label: {
        ...text(colours, 13, colours.ground), overflow: "break", lineHeight: 16,
        formatter: ({ name, data: node }) => `${name}\n${node.text.split(",").slice(-1)[0].trim()}`,
      },
    }],
  };
}
