#!/usr/bin/env python3
"""dashboards.py URL FOLDER [--set NAME=VALUE]... DASHBOARD...: runs every query of Grafana's dashboards on a Prometheus.

DASHBOARD is the name of a file in FOLDER without .json. Variables are filled in as Grafana does: from their own queries, each of which
must find something; "All" of a variable with several values; --set names the value of one. $__rate_interval is 15s, $__range 5m.
Prints a table: dashboard, panel, query, how many series it returns and the first one's value. The status is 0 when every query runs and
returns at least one series that is a number.
"""

import argparse
import json
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request


class Prometheus:
    def __init__(self, url):
        self.url = url

    def query(self, text):
        """The series of an instant query, or what Prometheus has against it."""
        request = self.url + "/api/v1/query?" + urllib.parse.urlencode({"query": text})
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["data"]["result"], None
        except urllib.error.HTTPError as error:
            return [], json.load(error)["error"]


def filled(text, values):
    for name, value in values.items():
        text = re.sub(r"\$\{" + name + r"\}|\$" + name + r"\b", value, text)
    return text


def variables(board, prometheus, fixed):
    values = {"__rate_interval": "15s", "__range": "5m", "datasource": "prometheus"}
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", filled(variable["query"]["query"], values)).groups()
        series, error = prometheus.query(f"group by ({label}) ({metric})")
        found = sorted(one["metric"][label] for one in series if label in one["metric"])
        if error or not found:
            raise SystemExit(f"{board['title']}: variable {variable['name']} finds nothing: {error or metric}")
        values[variable["name"]] = fixed.get(variable["name"], variable["allValue"] if variable["includeAll"] else found[0])
        if variable["name"] in fixed and fixed[variable["name"]] not in found:
            raise SystemExit(f"{board['title']}: {variable['name']} has no value {fixed[variable['name']]}, but {found}")
    return values


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("dashboards", nargs="+")
    arguments = parser.parse_args()
    prometheus = Prometheus(arguments.url)
    fixed = dict(each.split("=", 1) for each in arguments.set)
    count, empty = 0, 0
    for name in arguments.dashboards:
        board = json.loads((arguments.folder / f"{name}.json").read_text())
        values = variables(board, prometheus, fixed)
        shown = {key: value for key, value in values.items() if not key.startswith("_") and key != "datasource"}
        print(f"-- {board['title']}  " + " ".join(f"{key}={value}" for key, value in shown.items()))
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                text = filled(target["expr"], values)
                series, error = prometheus.query(text)
                series = [one for one in series if one["value"][1] != "NaN"]
                count += 1
                if not series:
                    empty += 1
                first = f"{float(series[0]['value'][1]):.6g}" if series else error or "NOTHING"
                print(f"{panel['title']:32.32}  {len(series):4}  {first:>12}  {text}")
    print(f"{count} queries, {empty} without a series")
    return 1 if empty or not count else 0


sys.exit(main())
