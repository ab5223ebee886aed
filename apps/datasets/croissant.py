"""Croissant 1.0 (mlcommons.org): a version described for machines, written by hand."""

from typing import Any

from apps.datasets.models import Licence, TaskKind, Version

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isEnumeration": "cr:isEnumeration",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "samplingRate": "cr:samplingRate",
    "equivalentProperty": "cr:equivalentProperty",
}
PARQUET = "application/x-parquet"
COLUMNS = {
    "sample": "SHA-256 of the stored file",
    "label": "its class; null where the label is sealed",
    "split": "train, validation or test",
    "group": "what stays in one split",
    "licence": "the licence it was given under, as SPDX",
    "media_type": "of the stored file",
    "width": "pixels",
    "height": "pixels",
    "sealed": "salted hash of a sealed label",
    "source": "where it comes from, as whoever brought it says; null where they did not",
}
NUMBERS = {"width", "height"}
LICENCES = {
    Licence.CC0: "https://creativecommons.org/publicdomain/zero/1.0/",
    Licence.CC_BY: "https://creativecommons.org/licenses/by/4.0/",
    Licence.CC_BY_SA: "https://creativecommons.org/licenses/by-sa/4.0/",
    Licence.CC_BY_NC: "https://creativecommons.org/licenses/by-nc/4.0/",
}


def croissant(
    version: Version, address: str, manifest_url: str, files: list[dict[str, Any]]
) -> dict[str, Any]:
    """JSON-LD of a version. `files`: the Parquet shards as [{"name", "sha256", "size"}], or none."""
    dataset = version.dataset
    names = [each["member"] for each in version.credits] or [version.created_by.username]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": dataset.title,
        "description": dataset.summary or dataset.motivation or dataset.title,
        "url": address,
        "license": LICENCES.get(
            Licence(dataset.licence), f"https://spdx.org/licenses/{dataset.licence}"
        ),
        "version": version.changes.get("number", f"{version.number}.0.0"),
        "datePublished": (version.approved_at or version.created_at).date().isoformat(),
        "creator": [{"@type": "sc:Person", "name": name} for name in names],
        "citeAs": f"{dataset.title}, version {version.number}, sha256 {version.digest}. {address}",
        "distribution": [
            _file("manifest.parquet", manifest_url, version.manifest_sha256),
            *(_file(each["name"], each["name"], each["sha256"]) for each in files),
        ],
        "recordSet": [_manifest(), *(_shard(each["name"], dataset.task) for each in files)],
    }


def _file(name: str, url: str, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": url,
        "encodingFormat": PARQUET,
        "sha256": sha256,
    }


def _manifest() -> dict[str, Any]:
    kinds = {name: "sc:Integer" if name in NUMBERS else "sc:Text" for name in COLUMNS}
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "description": "One row for each sample, sorted by its hash.",
        "key": {"@id": "samples/sample"},
        "field": [
            _field("samples", name, kinds[name], "manifest.parquet", text)
            for name, text in COLUMNS.items()
        ],
    }


def _shard(name: str, task: str) -> dict[str, Any]:
    whole = name.removeprefix("data/").removesuffix(".parquet")
    fields = [_field(whole, "label", "sc:Integer", name, "position of the class; -1: sealed")]
    if task == TaskKind.TEXT_CLASSIFICATION:
        fields.append(_field(whole, "text", "sc:Text", name, "the text"))
    else:
        image = _field(whole, "image", "sc:ImageObject", name, "the stored file")
        image["source"]["transform"] = {"jsonPath": "bytes"}
        fields.append(image)
    return {"@type": "cr:RecordSet", "@id": whole, "name": whole, "field": fields}


def _field(owner: str, column: str, kind: str, file: str, text: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{owner}/{column}",
        "name": column,
        "description": text,
        "dataType": kind,
        "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
    }
