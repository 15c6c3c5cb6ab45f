"""What failures and a placement do to jobs, in lines of text."""

from __future__ import annotations

from firstlight import units
from firstlight.evaluate.effects import CollectiveEffect, JobEffect, WhatIfResult


def summary(found: WhatIfResult) -> str:
    """The answer in lines of text."""
    pairs = f", {found.queue_pairs} queue pairs" if found.routing == "ecmp" else ""
    lines = [
        f"{found.endpoints:,} endpoints ({found.kind}), {found.place}, {found.routing}{pairs}",
        f"links down  {found.down:,}, slow {found.slow:,} ({', '.join(found.fails) or 'nothing broken'})",
    ]
    for job in found.jobs:
        lines += ["", *_job(job)]
    return "\n".join([*lines, "", *(f"note        {note}" for note in found.notes)])


def _job(job: JobEffect) -> list[str]:
    where = f"{job.nodes:,} nodes under {job.leaves:,} leaves" if job.leaves else f"{job.nodes:,} accelerators"
    lines = [f"{job.name} (demand[{job.demand}]) on {where}"]
    if job.stands_still:
        cut = ", ".join(map(str, job.cut))
        what = "node" if job.leaves else "accelerator"
        return [*lines, f"  stands still: {what} {cut} cut off; take the failure out, or place the job on other nodes"]
    if job.step is None or job.healthy_step is None or job.change is None:
        return lines
    before, after = (units.show(step.p50, "time") for step in (job.healthy_step, job.step))
    change = job.change
    lines.append(
        f"  step      {after}, healthy {before}: x{change.p50:.3f} (P10 x{change.p10:.3f}, P90 x{change.p90:.3f})"
    )
    return lines + [line for one in job.collectives for line in _collective(one)]


def _collective(one: CollectiveEffect) -> list[str]:
    size, group = units.show(one.size, "bytes"), " x ".join(map(str, one.group))
    now, before = (units.show(rate, "bandwidth") for rate in (one.bandwidth, one.healthy_bandwidth))
    of = "for each accelerator" if one.axis == "torus" else "a NIC"
    lines = [f"  {one.axis:<10}{one.operation} of {size} over {group}: {now} {of}, healthy {before}"]
    if one.binding:
        lines.append("            " + "; ".join(f"{link.name} busy {link.busy:.2f}" for link in one.binding))
    return lines
