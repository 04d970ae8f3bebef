"""Print the environment that `sam local invoke -n events/env.json` gives each function, as JSON by name: SAM's own code works it out."""

import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(ROOT / ".ci"))
for variable in set(os.environ) - {"PATH", "HOME"}:
    del os.environ[variable]  # SAM lets the shell's variables replace the template's
os.environ |= {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0"}

from samcli.commands.local.lib.local_lambda import LocalLambdaRunner  # noqa: E402
from samcli.lib.providers.sam_function_provider import SamFunctionProvider  # noqa: E402
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider  # noqa: E402

from functions import said  # noqa: E402


def main():
    stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
    provider = SamFunctionProvider(stacks, ignore_code_extraction_warnings=True)
    values = json.loads((ROOT / "events/env.json").read_text(encoding="utf-8"))
    runner = LocalLambdaRunner(local_runtime=None, function_provider=provider, cwd=str(ROOT), real_path=str(ROOT), env_vars_values=values)
    names = {logical_id: function["name"] for logical_id, function in said().items()}
    environments = {names[function.name]: runner._make_env_vars(function).resolve() for function in provider.get_all()}
    if missing := set(names.values()) - environments.keys():
        sys.exit(f"SAM does not find {', '.join(sorted(missing))}")
    print(json.dumps(environments, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
