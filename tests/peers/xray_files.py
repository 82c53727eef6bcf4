"""Writes X-ray files with the libraries of others, and what these libraries read back from them.

    xray_files.py DIR [FILE ...]

Files are made in DIR; each FILE is read where it is. Prints one JSON object a line: `file`, and either `shape`
(views, rows, columns, channels), `bytes` (of a sample) and `pixels` (a file of the samples, low byte first), or `refused`
(a word that the reason must have). A sidecar is named by `sidecar`; `within` is how far 8-bit samples may be apart, for
lossy coding whose rounding is left to the decoder.
"""

import json
import sys
import warnings
from pathlib import Path

import imagecodecs
import numpy
import pyDICOS
import pydicom
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)
from pydicos import DXLoader

warnings.simplefilter("ignore")
THREAT_REPORT = "1.2.840.10008.5.1.4.1.1.501.3"
ROWS, COLUMNS = 37, 53
dice = numpy.random.default_rng(1)


def scene(bits, *shape):
    """A ramp, a flat box (runs) and noise, in `bits` bits."""
    rows, columns = shape[-2:]
    ramp = numpy.add.outer(numpy.arange(rows) * 700, numpy.arange(columns) * 400) + dice.integers(0, 900, shape)
    ramp[..., rows // 3 : rows // 2, columns // 4 : columns // 2] = 40_000
    return (ramp % 65_536 >> (16 - bits)).astype(numpy.uint8 if bits <= 8 else numpy.uint16)


def tell(path, pixels=None, channels=1, **more):
    said = {"file": str(path), **more}
    if pixels is not None:
        pixels = numpy.asarray(pixels)
        rows, columns = pixels.shape[-3:-1] if channels == 3 else pixels.shape[-2:]
        said["shape"] = [pixels.size // (rows * columns * channels), rows, columns, channels]
        said["bytes"] = pixels.dtype.itemsize
        expected = folder / (Path(path).name + ".expected")
        expected.write_bytes(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
        said["pixels"] = str(expected)
    print(json.dumps(said), flush=True)


def tell_dicom(path):
    read = pydicom.dcmread(path)
    lossy = read.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    tell(path, read.pixel_array, channels=read.SamplesPerPixel, within=2 if lossy else 0)


def dicom(name, pixels, syntax, bits, frames=None, channels=1, coded=None, compress=None, **more):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID = more.pop("sop_class", DigitalXRayImageStorageForProcessing)
    data.SOPInstanceUID = generate_uid()
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = (
        data.SOPClassUID,
        data.SOPInstanceUID,
    )
    data.Modality, data.PresentationIntentType = "DX", "FOR PROCESSING"
    data.SamplesPerPixel = channels
    data.PhotometricInterpretation = "MONOCHROME2" if channels == 1 else "RGB"
    if channels == 3:
        data.PlanarConfiguration = 0
    data.Rows, data.Columns = pixels.shape[-3:-1] if channels == 3 else pixels.shape[-2:]
    if frames:
        data.NumberOfFrames = frames
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * pixels.dtype.itemsize, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in more.items():
        setattr(data, keyword, value)
    big = syntax == ExplicitVRBigEndian
    if coded:
        data.PixelData = encapsulate(coded)
        data["PixelData"].VR = "OB"
    else:
        data.PixelData = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()
        data["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    if compress:
        data.compress(compress, generate_instance_uid=False)
    path = folder / name
    data.save_as(path, enforce_file_format=True, little_endian=not big, implicit_vr=syntax == ImplicitVRLittleEndian)
    return path


def dicoms():
    deep, shallow, frames = scene(16, ROWS, COLUMNS), scene(8, ROWS, COLUMNS), scene(16, 3, ROWS, COLUMNS)
    colour = numpy.stack([scene(8, ROWS, COLUMNS) for _ in range(3)], axis=-1)
    twelve, ten = scene(12, ROWS, COLUMNS), scene(10, 3, ROWS, COLUMNS)
    for name, syntax in {
        "implicit": ImplicitVRLittleEndian,
        "explicit": ExplicitVRLittleEndian,
        "big": ExplicitVRBigEndian,
        "deflated": DeflatedExplicitVRLittleEndian,
    }.items():
        yield dicom(f"{name}.dcm", deep, syntax, 16)
    yield dicom("odd-8-bit.dcm", shallow, ExplicitVRLittleEndian, 8)
    yield dicom("signed.dcm", (deep.astype(numpy.int32) - 32_768).astype(numpy.int16), ExplicitVRLittleEndian, 16)
    yield dicom("frames.dcm", frames, ExplicitVRLittleEndian, 16, frames=3)
    yield dicom("colour.dcm", colour, ExplicitVRLittleEndian, 8, channels=3)
    planes = numpy.ascontiguousarray(colour.transpose(2, 0, 1))
    path = dicom("planes.dcm", colour, ExplicitVRLittleEndian, 8, channels=3, PlanarConfiguration=1)
    again = pydicom.dcmread(path)
    again.PixelData = planes.tobytes() + b"\0" * (planes.size % 2)
    again.save_as(path)
    yield path
    for name, syntax in {"rle": RLELossless, "j2k": JPEG2000Lossless}.items():
        yield dicom(f"{name}.dcm", deep, ExplicitVRLittleEndian, 16, compress=syntax)
        yield dicom(f"{name}-8-bit.dcm", shallow, ExplicitVRLittleEndian, 8, compress=syntax)
        yield dicom(f"{name}-12-bit.dcm", twelve, ExplicitVRLittleEndian, 12, compress=syntax)
        yield dicom(f"{name}-frames.dcm", frames, ExplicitVRLittleEndian, 16, frames=3, compress=syntax)
    yield dicom("rle-colour.dcm", colour, ExplicitVRLittleEndian, 8, channels=3, compress=RLELossless)
    lossy = imagecodecs.jpeg2k_encode(twelve, codecformat="j2k", level=60, reversible=False, bitspersample=12)
    yield dicom("j2k-lossy.dcm", twelve, JPEG2000, 12, coded=[lossy])
    for bits in (8, 10, 12, 16):
        picture = scene(bits, ROWS, COLUMNS)
        coded = [imagecodecs.jpegls_encode(picture)]
        yield dicom(f"ls-{bits}-bit.dcm", picture, JPEGLSLossless, bits, coded=coded)
        near = [imagecodecs.jpegls_encode(picture, level=3)]
        yield dicom(f"ls-near-{bits}-bit.dcm", picture, JPEGLSNearLossless, bits, coded=near)
        lossless = [imagecodecs.ljpeg_encode(picture, bitspersample=bits)]
        yield dicom(f"lossless-{bits}-bit.dcm", picture, JPEGLossless, bits, coded=lossless)
    yield dicom("ls-frames.dcm", ten, JPEGLSLossless, 10, frames=3, coded=[imagecodecs.jpegls_encode(f) for f in ten])
    first_order = [imagecodecs.ljpeg_encode(frame) for frame in frames]
    yield dicom("lossless-frames.dcm", frames, JPEGLosslessSV1, 16, frames=3, coded=first_order)
    baseline = [imagecodecs.jpeg8_encode(shallow, level=95)]
    yield dicom("baseline.dcm", shallow, JPEGBaseline8Bit, 8, coded=baseline)
    flat = numpy.full((64, 80), 1234, numpy.uint16)
    yield dicom("ls-flat.dcm", flat, JPEGLSLossless, 16, coded=[imagecodecs.jpegls_encode(flat)])


def dicos():
    """Each way in which the DICOS toolkit writes a projection."""
    for name, syntax in pyDICOS.TRANSFER_SYNTAX.__members__.items():
        if name == "enumLittleEndianExplicitExtended":
            continue  # lengths of 64 bits, which only this toolkit writes and pydicom does not read either
        writer = DXLoader()
        writer.Initialize(
            pyDICOS.OBJECT_OF_INSPECTION_TYPE.enumTypeBaggage,
            pyDICOS.PRESENTATION_INTENT_TYPE.enumProcessing,
        )
        writer.SetKVP(160)
        writer.SetXRayTubeCurrent(2.5)
        writer.set_data(scene(16, ROWS, COLUMNS))
        path = folder / f"dicos-{name}.dcs"
        if writer.Write(pyDICOS.Filename(str(path)), pyDICOS.ErrorLog(), syntax):
            yield path


def plain():
    deep, shallow = scene(16, ROWS, COLUMNS), scene(8, ROWS, COLUMNS)
    colour = numpy.stack([shallow, shallow.T[:COLUMNS, :ROWS].T, 255 - shallow], axis=-1)
    for name, pixels, channels in (("deep", deep, 1), ("grey", shallow, 1), ("colour", colour, 3)):
        Image.fromarray(pixels).save(folder / f"{name}.png")
        tell(folder / f"{name}.png", pixels, channels)
    Image.fromarray(shallow).save(folder / "grey.jpg", quality=95)
    for compression in (None, "lzw", "zlib", "packbits"):
        for order in "<>":
            path = folder / f"{compression}-{'little' if order == '<' else 'big'}.tif"
            both = numpy.stack([deep, deep[::-1]])
            tifffile.imwrite(path, both, compression=compression, byteorder=order, photometric="minisblack")
            tell(path, tifffile.imread(path))
    tifffile.imwrite(folder / "tiles.tif", numpy.pad(deep, 64), tile=(32, 32), predictor=True, compression="lzw")
    tell(folder / "tiles.tif", numpy.pad(deep, 64))
    (folder / "samples.raw").write_bytes(b"head" + numpy.stack([deep, deep + 1]).astype(">u2").tobytes())
    sidecar = {"width": COLUMNS, "height": ROWS, "bits_allocated": 16, "byte_order": "big", "header_bytes": 4}
    sidecar["views"] = [{"energy": "low"}, {"energy": "high"}]
    (folder / "samples.json").write_text(json.dumps(sidecar))
    tell(folder / "samples.raw", numpy.stack([deep, deep + 1]), sidecar=str(folder / "samples.json"))


def refused():
    deep = scene(16, ROWS, COLUMNS)
    shown = dicom("volume.dcm", deep, ExplicitVRLittleEndian, 16, sop_class=CTImageStorage, Modality="CT")
    tell(shown, refused="CT volume")
    report = dicom("report.dcs", deep, ExplicitVRLittleEndian, 16, sop_class=THREAT_REPORT, Modality="TDR")
    tell(report, refused="threat report")
    small = imagecodecs.jpegls_encode(deep[:-1])
    tell(dicom("smaller.dcm", deep, JPEGLSLossless, 16, coded=[small]), refused="expected 53 x 37")
    wrong = imagecodecs.jpeg2k_encode(deep[:, :-1], codecformat="j2k")
    tell(dicom("narrower.dcm", deep, JPEG2000Lossless, 16, coded=[wrong]), refused="expected 53 x 37")
    tell(
        dicom("shown.dcm", deep, ExplicitVRLittleEndian, 16, sop_class=DigitalXRayImageStorageForPresentation, Rows=60_000),
        refused="bytes",
    )


folder = Path(sys.argv[1])
for made in (*dicoms(), *dicos(), *(Path(name) for name in sys.argv[2:])):
    tell_dicom(made)
plain()
refused()
