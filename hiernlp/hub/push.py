"""A model folder to the hub: what belongs to the model, after the hub has found its card to be valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.hub.folder import CARD, PICKLES, load_bundle

LEFT_OUT = ("training/*", ".*", "*/.*", *PICKLES)
"""What lies in a model folder and is not uploaded: the run's own records, hidden files, and pickles."""


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    message: str = "Upload a hiernlp model",
) -> str:
    """Upload a model folder to the hub and return the address of the commit; the repository is made if need be.

    Args:
        folder: the model folder.
        repo: ``name`` or ``organization/name``.
        private: whether a new repository is private; by default what the organization's setting says.
        token: what the hub knows the user by; by default the environment variable ``HF_TOKEN``, or the stored login.
        revision: the branch, by default the main one.
        message: the commit's message.

    Raises:
        ModelFolderError: the folder holds no whole model, or no valid card.
        HierNLPError: the hub refuses, or it cannot be reached.
    """
    from huggingface_hub import HfApi, ModelCard  # noqa: PLC0415 - only to push
    from huggingface_hub.errors import HFValidationError, HTTPError  # noqa: PLC0415

    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ModelFolderError(f"{folder}: expected a model folder, found {'a file' if path.exists() else 'nothing'}")
    load_bundle(path)  # nothing that cannot be loaded is published
    card_file = path / CARD
    if not card_file.is_file():
        raise ModelFolderError(f"{card_file}: there is no card; write it by `hiernlp card {folder}`")
    api = HfApi(token=token)
    try:
        ModelCard.load(card_file).validate()
        made: Any = api.create_repo(repo, private=private, exist_ok=True)
        commit: Any = api.upload_folder(
            repo_id=made.repo_id,
            folder_path=str(path),
            ignore_patterns=list(LEFT_OUT),
            revision=revision,
            commit_message=message,
        )
    except (HTTPError, HFValidationError, OSError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise HierNLPError(
            f"{repo}: the hub did not take the model ({first}); log in with `hf auth login` or set HF_TOKEN, and see "
            "whether the name is yours to write to"
        ) from error
    except ValueError as error:
        first = " ".join(str(error).split())
        raise ModelFolderError(f"{card_file}: the hub finds the card not valid ({first}); mend it") from error
    return str(commit.commit_url)
