"""Reads the DICOS files of a folder with pydicom and with the Stratovan toolkit (pydicos), and says what each found.

One line of JSON a file. Warnings and unregistered attributes are faults: these files are ours.
"""
import hashlib
import json
import pathlib
import sys
import warnings

import numpy
import pyDICOS
import pydicom
from pydicom.datadict import dictionary_has_tag

warnings.simplefilter("error")  # an invalid value of any representation is one
pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE

# Of DICOS alone, and in no registry of DICOM.
OF_DICOS = {0x00082108, 0x40101080, 0x40101081, 0x40101082, 0x43000902}


def sha256(samples):
    return hashlib.sha256(numpy.ascontiguousarray(samples).astype("<u2").tobytes()).hexdigest()


def plain(value):
    if isinstance(value, (bytes, str, int, float)) or value is None:
        return value if not isinstance(value, bytes) else value.hex()
    if isinstance(value, pydicom.sequence.Sequence):
        return [by_name(item) for item in value]
    if isinstance(value, pydicom.multival.MultiValue):
        return [plain(each) for each in value]
    return str(value)


def by_name(dataset):
    named = {}
    for element in dataset:
        if not dictionary_has_tag(element.tag) and int(element.tag) not in OF_DICOS:
            raise SystemExit(f"{element.tag} is not registered")
        if element.keyword != "PixelData":
            named[element.keyword or str(element.tag)] = plain(element.value)
    return named


def with_pydicom(path):
    dataset = pydicom.dcmread(path)
    found = {"meta": str(dataset.file_meta.MediaStorageSOPInstanceUID), "has": by_name(dataset)}
    if "PixelData" in dataset:
        pixels = dataset.pixel_array
        found["pixels"] = sha256(pixels)
    return found


def read(kind, path):
    log, found = pyDICOS.ErrorLog(), kind()
    done = found.Read(pyDICOS.Filename(str(path)), log, None)
    return found, done, log.GetErrorLog().Get()


def with_pydicos(path, modality):
    if modality == "TDR":
        report, done, said = read(pyDICOS.TDR, path)
        ids = pyDICOS.Array1DS_UINT16()
        report.GetPTOIds(ids)
        objects = []
        for i in range(ids.GetSize()):
            corner, extent = pyDICOS.Point3Dfloat(), pyDICOS.Point3Dfloat()
            report.GetThreatRegionOfInterest(ids[i], corner, extent, pyDICOS.Bitmap(), 0)
            outline = pyDICOS.Array1DPoint3Dfloat()
            report.GetThreatBoundingPolygon(ids[i], outline, 0)
            objects.append({
                "box": [corner.x, corner.y, extent.x, extent.y],
                "outline": [[outline[k].x, outline[k].y] for k in range(outline.GetSize())],
                "category": report.GetPTOAssessmentThreatCategory(ids[i], 0).name,
                "flag": report.GetPTOAssessmentFlag(ids[i], 0).name,
            })
        return {
            "read": done, "said": said, "type": report.GetTDRType().name, "decision": report.GetAlarmDecision().name,
            "subject": report.GetOOIID().Get(), "objects": objects,
        }
    image, done, said = read(pyDICOS.DX, path)
    data = image.GetXRayData()
    pixels = numpy.array(data.GetUnsigned16(), copy=True)
    return {"read": done, "said": said, "pixels": sha256(pixels.reshape(data.GetHeight(), data.GetWidth()))}


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.dcs")):
    said = {"file": path.name, "pydicom": with_pydicom(path)}
    said["pydicos"] = with_pydicos(path, said["pydicom"]["has"]["Modality"])
    print(json.dumps(said))
