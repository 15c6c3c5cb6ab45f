// Flow of power from the feed to its uses. Data: nodes {name, text, it}, links {source, target, value, text}.
import { safe, text, tooltip } from "./theme.js";

export function sankey(data, colours, width) {
  const narrow = width < 560;
  const tone = (node, index) => (index === 0 ? colours.soft : colours.series[node.it ? 0 : 1]);
  const colour = new Map(data.nodes.map((node, index) => [node.name, tone(node, index)]));
  const says = new Map(data.nodes.map((node) => [node.name, node.text]));
  return {
    tooltip: {
      ...tooltip(colours),
      formatter: ({ data: item, name }) =>
        item.source
          ? `${safe(item.source)} to ${safe(item.target)}<br><b>${safe(item.text)}</b>`
          : `${safe(name)}<br><b>${safe(says.get(name))}</b>`,
    },
    series: [{
      type: "sankey", left: 0, right: narrow ? 118 : 190, top: 6, bottom: 6, nodeWidth: 10, nodeGap: narrow ? 14 : 13,
      draggable: false, emphasis: { focus: "adjacency" }, layoutIterations: 0, nodeAlign: "left",
      data: data.nodes.map((node) => ({ name: node.name, itemStyle: { color: colour.get(node.name) } })),
      links: data.links.map((link) => ({ ...link, lineStyle: { color: colour.get(link.target) } })),
      lineStyle: { opacity: 0.26, curveness: 0.5 },
      label: {
        ...text(colours, narrow ? 12 : 13, colours.ink), overflow: "break", width: narrow ? 112 : 184,
        formatter: ({ name }) => `${name}\n{v|${says.get(name)}}`, lineHeight: 15,
        rich: { v: text(colours, narrow ? 12 : 13) },
      },
    }],
  };
}
