#!/usr/bin/env bash
# Mutation score of the equation-bearing C#. Hours; nightly, never part of a commit's check.
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
dotnet tool install dotnet-stryker --version 5.1.0 --tool-path "$tools"
"$tools/dotnet-stryker" --config-file stryker-config.json "$@"
