"""Trains and exports small models of pictures, and writes what Python says about the same files.

    python test/real-model/export_vision.py OUT_FOLDER

* `clip`: an image-text model (transformers' CLIP, both sides in one graph), trained contrastively on drawn scenes and
  their captions, with tokenizer and preprocessor_config.json.
* `reward`: a video-reward model [batch, time, 3, 32, 32] in 0..1, trained to tell how near a square came to its goal.
* `autoencoder`: a convolutional autoencoder of [batch, 3, 32, 32], trained on the same scenes; in `halves` as two files.
* `angle`: the text-angle classifier that the PyPI wheel `rapidocr-onnxruntime` carries, as an embedding model.
* `processors`: pixel values of CLIP's, ViT's, SigLIP's and BiT's (DINOv2) processors on PNG, JPEG and WebP files.
* `video.mp4`, made and read back by the ffmpeg of the wheel `imageio-ffmpeg`.

Needs torch, transformers, onnx, onnxruntime, pillow, and the two wheels (installed without their dependencies).
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
import transformers
from PIL import Image, ImageDraw, ImageOps
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, PreTrainedTokenizerFast

COLOURS = {"red": (214, 40, 40), "green": (60, 160, 70), "blue": (40, 80, 200), "yellow": (240, 200, 40)}
SHAPES = ["circle", "square", "triangle"]
SIDE = 32


def scene(shape: str, colour: str, x: float, y: float, size: tuple[int, int]) -> Image.Image:
    """A shape on a light screen with a title bar; x and y are shares of the free space."""
    width, height = size
    picture = Image.new("RGB", size, (236, 238, 240))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, height // 8), fill=(70, 74, 82))
    side = min(width, height) // 3
    left, top = x * (width - side), height // 8 + y * (height - height // 8 - side)
    box = (left, top, left + side, top + side)
    if shape == "circle":
        draw.ellipse(box, fill=COLOURS[colour])
    elif shape == "square":
        draw.rectangle(box, fill=COLOURS[colour])
    else:
        draw.polygon([(left, top + side), (left + side / 2, top), (left + side, top + side)], fill=COLOURS[colour])
    return picture


def export(module, inputs, path: Path, names: list[str], outputs: list[str], dynamic: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), inputs, str(path), dynamo=False, opset_version=17,
                          input_names=names, output_names=outputs, dynamic_axes=dynamic)


class VisionSide(torch.nn.Module):
    def __init__(self, clip):
        super().__init__()
        self.clip = clip

    def forward(self, pixel_values):
        return F.normalize(self.clip.get_image_features(pixel_values).pooler_output, dim=-1)


class TextSide(VisionSide):
    def forward(self, input_ids, attention_mask):
        return F.normalize(self.clip.get_text_features(input_ids=input_ids, attention_mask=attention_mask).pooler_output, dim=-1)


class BothSides(torch.nn.Module):
    def __init__(self, clip):
        super().__init__()
        self.clip = clip

    def forward(self, input_ids, pixel_values, attention_mask):
        out = self.clip(input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask)
        return out.logits_per_image, out.text_embeds, out.image_embeds


def train_clip(out: Path, pictures: list[Path], rng: np.random.Generator) -> dict:
    words = ["<pad>", "<start>", "<end>", "<unk>", "a", "picture", "of", *COLOURS, *SHAPES]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<start>", eos_token="<end>", unk_token="<unk>")
    side = dict(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4)
    config = CLIPConfig(
        text_config=dict(side, vocab_size=len(words), max_position_embeddings=16, bos_token_id=1, eos_token_id=2, pad_token_id=0),
        vision_config=dict(side, image_size=SIDE, patch_size=8),
        projection_dim=32,
    )
    config._attn_implementation = "eager"
    clip = CLIPModel(config)
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    kinds = [(shape, colour) for shape in SHAPES for colour in COLOURS]
    captions = fast([f"a {colour} {shape}" for shape, colour in kinds], return_tensors="pt")
    optimiser = torch.optim.Adam(clip.parameters(), lr=2e-3)
    batches = [
        torch.tensor(np.stack(processor([scene(shape, colour, *rng.random(2), (48, 40)) for shape, colour in kinds])["pixel_values"]))
        for _ in range(60)
    ]
    for step in range(500):
        pixels = batches[step % len(batches)]
        logits = clip(input_ids=captions.input_ids, attention_mask=captions.attention_mask, pixel_values=pixels).logits_per_image
        wanted = torch.arange(len(kinds))
        loss = F.cross_entropy(logits, wanted) + F.cross_entropy(logits.T, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    clip.eval()
    folder = out / "clip"
    export(BothSides(clip), (captions.input_ids, torch.zeros(2, 3, SIDE, SIDE), captions.attention_mask), folder / "onnx" / "model.onnx",
           ["input_ids", "pixel_values", "attention_mask"], ["logits_per_image", "text_embeds", "image_embeds"],
           {"input_ids": {0: "text_batch_size", 1: "sequence_length"}, "attention_mask": {0: "text_batch_size", 1: "sequence_length"},
            "pixel_values": {0: "image_batch_size"}, "text_embeds": {0: "text_batch_size"}, "image_embeds": {0: "image_batch_size"}})
    # The same as two files, as many published exports are.
    halves = out / "clip-halves"
    export(VisionSide(clip), (torch.zeros(2, 3, SIDE, SIDE),), halves / "onnx" / "vision_model.onnx", ["pixel_values"], ["image_embeds"],
           {"pixel_values": {0: "batch_size"}, "image_embeds": {0: "batch_size"}})
    export(TextSide(clip), (captions.input_ids, captions.attention_mask), halves / "onnx" / "text_model.onnx",
           ["input_ids", "attention_mask"], ["text_embeds"],
           {"input_ids": {0: "batch_size", 1: "sequence_length"}, "attention_mask": {0: "batch_size", 1: "sequence_length"},
            "text_embeds": {0: "batch_size"}})
    clip.config.architectures = ["CLIPModel"]
    for place in (folder, halves):
        fast.save_pretrained(place)
        processor.save_pretrained(place)
        clip.config.save_pretrained(place)
    texts = {"goal": ["a red circle"], "baseline": ["a picture"], "prompt": ["a blue square"]}
    with torch.no_grad():
        encode = lambda text: F.normalize(clip.get_text_features(**fast(text, return_tensors="pt")).pooler_output, dim=-1)[0].tolist()  # noqa: E731
        pixels = torch.tensor(np.stack(processor([upright(path) for path in pictures])["pixel_values"]))
        held = [scene(shape, colour, *rng.random(2), (48, 40)) for shape, colour in kinds for _ in range(4)]
        right = clip(**captions, pixel_values=torch.tensor(np.stack(processor(held)["pixel_values"]))).logits_per_image.argmax(-1)
        return {
            "texts": texts,
            "textEmbeddings": {name: [encode(text) for text in lines] for name, lines in texts.items()},
            "imageEmbeddings": F.normalize(clip.get_image_features(pixels).pooler_output, dim=-1).tolist(),
            "accuracy": float((right == torch.arange(len(kinds)).repeat_interleave(4)).double().mean()),
        }


def upright(path: Path) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def plain(path: Path) -> np.ndarray:
    """The layout of models without a preprocessor: resized, red, green and blue in 0..1."""
    picture = upright(path).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return (np.asarray(picture, dtype=np.float32) / 255).transpose(2, 0, 1)


class ClipReward(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.frame = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 5, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 5, stride=2), torch.nn.ReLU(),
            torch.nn.Flatten(), torch.nn.Linear(400, 24), torch.nn.Tanh())
        self.whole = torch.nn.Linear(48, 1)

    def forward(self, frames):
        states = self.frame(frames.flatten(0, 1)).view(frames.shape[0], frames.shape[1], -1)
        return self.whole(torch.cat([states.mean(1), states[:, -1]], dim=-1)).squeeze(-1)


class Autoencoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 4, stride=2, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(16, 8, 4, stride=2, padding=1), torch.nn.Flatten(),
            torch.nn.Linear(512, 12))
        self.decoder = torch.nn.Sequential(
            torch.nn.Linear(12, 512), torch.nn.Unflatten(1, (8, 8, 8)), torch.nn.ReLU(),
            torch.nn.ConvTranspose2d(8, 16, 4, stride=2, padding=1), torch.nn.ReLU(), torch.nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1))

    def forward(self, observation):
        latent = self.encoder(observation)
        return self.decoder(latent), latent


def walk(rng: np.random.Generator, length: int, size: tuple[int, int]) -> tuple[list[Image.Image], float]:
    """A square that moves along a line; the reward is how far to the right it ends."""
    start, end, height = rng.random(3)
    steps = np.linspace(start, end, length)
    return [scene("square", "blue", float(x), height, size) for x in steps], float(end)


def train_reward(out: Path, clips: list[list[Path]], rng: np.random.Generator) -> dict:
    model = ClipReward()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    tensor = lambda pictures: torch.tensor(np.stack([np.asarray(p.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32) / 255 for p in pictures]).transpose(0, 3, 1, 2))  # noqa: E731
    made = [walk(rng, 4, (48, 40)) for _ in range(320)]
    frames, rewards = torch.stack([tensor(pictures) for pictures, _ in made]), torch.tensor([reward for _, reward in made])
    for _ in range(120):
        rows = torch.tensor(rng.integers(0, 256, 32))
        loss = F.mse_loss(model(frames[rows]), rewards[rows].float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    export(model, (frames[:2],), out / "reward" / "video_reward.onnx", ["frames"], ["reward"], {"frames": {0: "batch", 1: "time"}, "reward": {0: "batch"}})
    autoencoder = Autoencoder()
    optimiser = torch.optim.Adam(autoencoder.parameters(), lr=3e-3)
    for _ in range(150):
        batch = frames.flatten(0, 1)[torch.tensor(rng.integers(0, 1024, 64))]
        loss = F.mse_loss(autoencoder(batch)[0], batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    export(autoencoder, (frames[0],), out / "autoencoder" / "autoencoder.onnx", ["observation"], ["reconstruction", "latent"],
           {name: {0: "batch"} for name in ("observation", "reconstruction", "latent")})
    export(autoencoder.encoder, (frames[0],), out / "halves" / "encoder.onnx", ["observation"], ["latent"],
           {name: {0: "batch"} for name in ("observation", "latent")})
    export(autoencoder.decoder, (torch.zeros(2, 12),), out / "halves" / "decoder.onnx", ["latent"], ["reconstruction"],
           {name: {0: "batch"} for name in ("latent", "reconstruction")})
    with torch.no_grad():
        pixels = [torch.tensor(np.stack([plain(path) for path in clip])) for clip in clips]
        return {
            "rewards": [float(model(clip.unsqueeze(0))) for clip in pixels],
            "errors": [(autoencoder(clip)[0] - clip).square().mean((1, 2, 3)).tolist() for clip in pixels],
            "correlation": float(np.corrcoef(model(frames[256:]).numpy(), rewards[256:].numpy())[0, 1]),
        }


def angle_classifier(out: Path, pictures: list[Path]) -> dict:
    source = Path(importlib.util.find_spec("rapidocr_onnxruntime").origin).parent / "models"
    found = next(path for path in sorted(source.glob("*cls*.onnx")))
    folder = out / "angle"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(found, folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"trajectory_lens": {"kind": "embedding"}}))
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "do_resize": True, "size": {"height": 48, "width": 192}, "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [0.5], "image_std": [0.5], "do_flip_channel_order": True}))
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    rows = []
    for path in pictures:
        values = np.asarray(upright(path).resize((192, 48), Image.Resampling.BILINEAR), np.float32) / 255
        values = ((values - 0.5) / 0.5)[:, :, ::-1].transpose(2, 0, 1)[None]
        rows.append(session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(values)})[0][0].tolist())
    return {"file": found.name, "rows": rows}


def processor_values(out: Path, pictures: list[Path]) -> list[dict]:
    rows = []
    for name, settings in {
        "CLIPImageProcessorPil": {}, "ViTImageProcessorPil": {}, "SiglipImageProcessorPil": {},
        "BitImageProcessorPil": {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}},
    }.items():
        processor = getattr(transformers, name)(**settings)
        folder = out / "processors" / name
        folder.mkdir(parents=True, exist_ok=True)
        processor.save_pretrained(folder)
        for path in pictures:
            values = np.asarray(processor(upright(path), return_tensors="np")["pixel_values"][0], np.float32)
            file = folder / f"{path.name}.f32"
            file.write_bytes(values.tobytes())
            rows.append({"processor": name, "picture": path.name, "values": f"processors/{name}/{file.name}", "shape": values.shape})
    return rows


def write_pictures(folder: Path, rng: np.random.Generator) -> list[Path]:
    """Screens as agents record them: wide, tall, JPEG with an upright mark, WebP, a palette, an alpha channel."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = Image.fromarray(rng.integers(0, 256, (90, 160, 3), dtype=np.uint8)).resize((640, 360), Image.Resampling.BICUBIC)
    wide = Image.blend(scene("circle", "red", 0.3, 0.4, (640, 360)), noise, 0.25)
    exif = Image.Exif()
    exif[0x112] = 6
    tall = scene("triangle", "green", 0.8, 0.6, (270, 600))
    wide.save(folder / "wide.png")
    wide.save(folder / "wide.jpg", quality=80)
    tall.save(folder / "tall.webp", quality=75)
    tall.save(folder / "turned.jpg", quality=92, exif=exif, progressive=True)
    wide.quantize(24).save(folder / "palette.png")
    tall.convert("RGBA").save(folder / "alpha.png")
    scene("square", "yellow", 0.5, 0.5, (200, 200)).save(folder / "small.webp", lossless=True)
    return [folder / name for name in ("wide.png", "wide.jpg", "tall.webp", "turned.jpg", "palette.png", "alpha.png", "small.webp")]


def write_video(out: Path, rng: np.random.Generator) -> dict:
    from imageio_ffmpeg import get_ffmpeg_exe

    ffmpeg = get_ffmpeg_exe()
    (out / "bin").mkdir(exist_ok=True)
    shutil.copy(ffmpeg, out / "bin" / "ffmpeg")
    frames, _ = walk(rng, 30, (64, 48))
    raw = b"".join(frame.tobytes() for frame in frames)
    common = [ffmpeg, "-v", "error", "-y"]
    subprocess.run([*common, "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", "10", "-i", "-", "-pix_fmt", "yuv420p",
                    str(out / "data" / "video.mp4")], input=raw, check=True)
    back = subprocess.run([*common, "-i", str(out / "data" / "video.mp4"), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    pixels = np.frombuffer(back, np.uint8).reshape(-1, 48, 64, 3)
    return {"frames": len(pixels), "means": pixels.astype(np.float64).mean((1, 2)).tolist()}


def main(out: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = write_pictures(out / "data", rng)
    clips = []
    for name in ("near", "far"):
        frames, _ = walk(rng, 5, (96, 64))
        paths = [out / "data" / f"{name}{i}.png" for i in range(len(frames))]
        for frame, path in zip(frames, paths, strict=True):
            frame.save(path)
        clips.append(paths)
    (out / "reference.json").write_text(json.dumps({
        "pictures": [path.name for path in pictures],
        "clips": [[path.name for path in clip] for clip in clips],
        "clip": train_clip(out, pictures, rng),
        "reward": train_reward(out, clips, rng),
        "angle": angle_classifier(out, pictures),
        "processors": processor_values(out, pictures),
        "video": write_video(out, rng),
    }))


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
