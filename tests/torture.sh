#!/usr/bin/env bash
# The long form of the fault tests: simulation, kills, power cuts, damage and fuzzing, for as long as asked.
#
# tests/torture.sh [--minutes N]      30 minutes by default, shared by all of them
#
# Every part prints its seed, its rounds and how many messages it checked; the summary repeats that. A part that
# fails ends with the seed that repeats it (`FERRYMQ_SEED`). Needs what tests/run.sh has installed, root and a
# loop device.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=30
if [[ ${1-} == --minutes && ${2-} =~ ^[0-9]+$ && $# == 2 ]]; then
    minutes=$2
elif (($#)); then
    echo "usage: tests/torture.sh [--minutes N]" >&2
    exit 2
fi

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
logs=$target/torture-logs
export CARGO_TARGET_DIR=$target FERRYMQ_BIN=$target/release/ferrymq
export TMPDIR=$target/torture-temporary CARGO_TERM_COLOR=never
rm -rf -- "$logs" "$TMPDIR"
mkdir -p "$logs" "$TMPDIR"
trap 'rm -rf -- "$TMPDIR"' EXIT

parts=(simulation crash power_cut damage fuzz)
seconds=$((minutes * 60 / ${#parts[@]}))
failed=()

cargo build --release --locked
cargo test --profile long-tests --package ferrymq-tests --locked --no-run
# Other seeds in every run; the simulation prints where it began.
export FERRYMQ_SIMULATION_FROM=$((RANDOM << 30 | RANDOM << 15 | RANDOM))
for part in "${parts[@]}"; do
    echo "$part, $seconds s ..."
    variable=FERRYMQ_${part^^}_SECONDS
    env "$variable=$seconds" cargo test --profile long-tests --package ferrymq-tests --test "$part" --locked -- \
        --nocapture --test-threads 1 >"$logs/$part.log" 2>&1 </dev/null || failed+=("$part")
    grep -E 'FERRYMQ_SEED=|[0-9]+ (rounds|sessions|cases|seeds|damaged stores)|^test result' "$logs/$part.log" || true
done

if ((${#failed[@]})); then
    echo "failed: ${failed[*]}; see $logs"
    exit 1
fi
echo "all of it passed"
