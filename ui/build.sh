#!/usr/bin/env bash
# Bundles the report's script into the Python package. The same sources and versions give the same bytes.
# With --check it only says whether the committed bundle is current (exit 1 where it is not).
set -euo pipefail
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund
target=../src/firstlight/export/report/assets/report.js
output=$target
[ "${1:-}" = --check ] && output=$(mktemp)
./node_modules/@esbuild/"$(node -p 'process.platform + "-" + process.arch')"/bin/esbuild src/main.js \
  --bundle --minify --format=iife --target=es2020 --charset=ascii --legal-comments=none \
  --define:process.env.NODE_ENV='"production"' --banner:js="$(cat banner.txt)" --outfile="$output" --log-level=warning
[ "${1:-}" != --check ] || cmp "$output" "$target"
