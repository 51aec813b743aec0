#!/usr/bin/env bash
# croniter 7.0.0 and cronsim 2.8 (PyPI), cron-parser 5.10.6 (npm): one daily cron expression on the days on which clocks move.
# "30 2 * * *" in Europe/Berlin names a time that 25 October 2026 shows twice and 29 March 2026 never. In October croniter gives it at
# both showings, so that a daily job runs twice; the other two give the first. In March cron-parser gives 03:30, an hour behind the others' 03:00.
# And "0 0 */2 * 1" are the Mondays of odd days to cronsim (as to Debian's cron), every odd day and every Monday to the other two. Who
# moves a schedule from one scheduler to another moves its jobs on these days.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install croniter==7.0.0 cronsim==2.8 tzdata
(cd "$folder" && npm install --no-audit --no-fund --ignore-scripts --silent cron-parser@5.10.6)
"$folder/venv/bin/python" - <<'PY'
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
from croniter import croniter
from cronsim import CronSim

berlin = ZoneInfo("Europe/Berlin")
def utc(at):
    return at.astimezone(timezone.utc).strftime("%m-%d %H:%M")
def both(expression, start):
    start = datetime.fromisoformat(start).astimezone(berlin)
    one, other = croniter(expression, start), CronSim(expression, start)
    return [utc(one.get_next(datetime)) for _ in range(2)], [utc(next(other)) for _ in range(2)]

october, march, odd = both("30 2 * * *", "2026-10-24T12:00:00+00:00"), both("30 2 * * *", "2026-03-28T12:00:00+00:00"), \
    both("0 0 */2 * 1", "2026-03-01T12:00:00+00:00")
print("croniter, cronsim in October:", *october, "in March:", *march, "odd days and Mondays:", *odd)
assert october == (["10-25 00:30", "10-25 01:30"], ["10-25 00:30", "10-26 01:30"]), october
assert march == (["03-29 01:00", "03-30 00:30"], ["03-29 01:00", "03-30 00:30"]), march
assert odd == (["03-01 23:00", "03-02 23:00"], ["03-08 23:00", "03-22 23:00"]), odd
PY
cat > "$folder/look.mjs" <<'JS'
import { CronExpressionParser } from 'cron-parser';
const two = (expression, start) => {
  const slots = CronExpressionParser.parse(expression, { currentDate: new Date(start), tz: 'Europe/Berlin' });
  return [0, 1].map(() => slots.next().toDate().toISOString().slice(5, 16).replace('T', ' ')).join(', ');
};
const said = [two('30 2 * * *', '2026-10-24T12:00:00Z'), two('30 2 * * *', '2026-03-28T12:00:00Z'), two('0 0 */2 * 1', '2026-03-01T12:00:00Z')];
console.log('cron-parser:', ...said);
if (said.join('; ') !== '10-25 00:30, 10-26 01:30; 03-29 01:30, 03-30 00:30; 03-01 23:00, 03-02 23:00') process.exit(1);
JS
node "$folder/look.mjs"
