"""`crossdock secrets`: the key that seals passwords and tokens at rest."""

import typer

from crossdock.cli.options import Config, Data, Json, opened
from crossdock.cli.output import print_json, say

group = typer.Typer(help="Secrets at rest: the key that seals them.", no_args_is_help=True)


@group.command("rotate")
def rotate(as_json: Json = False, data: Data = None, config: Config = None) -> None:
    """Make a new key, seal every secret by it, and drop the old one. May be done while `serve`
    runs; after a crash, repeat it. With the setting secret_key: seal by its first key."""
    from crossdock.base.secrets import keys_held
    from crossdock.workspace.secret_rotation import Rotation
    from crossdock.workspace.secret_rotation import rotate as steps

    done = Rotation()
    with opened(data, config) as control, keys_held(control.folder.key_lock, alone=True):
        for step in steps(control, done):
            if not as_json:
                say(step)
    if as_json:
        print_json(done)
        return
    print(f"{done.rows} rows sealed anew, {done.dropped} old keys dropped")
    if done.unreadable:
        say(
            f"warning: {done.unreadable} rows hold secrets that no key opens; they were left as "
            "they are. `crossdock doctor` names them"
        )
