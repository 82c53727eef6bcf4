"""A camera of GStreamer's own RTSP server that plays a clip again and again. Orders come as lines on standard input:

    play     every frame of the clip, at its pace (the beginning)
    freeze   the clip's first picture, again and again: an encoder whose sensor stopped
    stall    nothing any more; connections stay open

Prints the port once it listens. Needs Debian's python3-gi, gir1.2-gst-rtsp-server-1.0 and GStreamer's good and bad
plugins. Usage: rtsp_camera.py CLIP PORT [USER:PASSWORD]
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: E402, F401

Gst.init(None)


def access_units(clip):
    """The clip's H.264 pictures as they are coded, and the time between two."""
    pipeline = Gst.parse_launch(
        f'filesrc location="{clip}" ! qtdemux ! h264parse config-interval=-1 '
        "! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=sink sync=false"
    )
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    units, caps = [], None
    while (sample := sink.emit("pull-sample")) is not None:
        caps = sample.get_caps()
        buffer = sample.get_buffer()
        units.append(buffer.extract_dup(0, buffer.get_size()))
    pipeline.set_state(Gst.State.NULL)
    _, numerator, denominator = caps.get_structure(0).get_fraction("framerate")
    return units, caps.to_string(), denominator / numerator


class Camera(GstRtspServer.RTSPMediaFactory):
    def __init__(self, clip):
        super().__init__()
        self.units, self.caps, self.step = access_units(clip)
        self.order, self.at, self.sources = "play", 0, []
        self.set_shared(True)
        GLib.timeout_add(int(self.step * 1000), self.tick)

    def do_create_element(self, url):
        launch = f"( appsrc name=src is-live=true do-timestamp=true format=time caps={self.caps.replace(' ', '')} ! h264parse ! rtph264pay name=pay0 config-interval=-1 )"
        element = Gst.parse_launch(launch)
        self.sources = [element.get_by_name("src")]
        # A decoder begins at a picture that is coded alone.
        self.at = 0
        return element

    def tick(self):
        if self.order == "stall":
            return True
        unit = self.units[0 if self.order == "freeze" else self.at % len(self.units)]
        self.at += 1
        for source in self.sources:
            source.emit("push-buffer", Gst.Buffer.new_wrapped(unit))
        return True

    def listen(self):
        for line in sys.stdin:
            self.order = line.strip()
            self.at = 0
        loop.quit()


def server(camera, port, login):
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    if login:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*login.split(":", 1)), token)
        server.set_auth(auth)
        camera.add_role_from_structure(
            Gst.Structure.from_string("viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true")[0]
        )
    server.get_mount_points().add_factory("/ch1", camera)
    server.attach(None)
    return server


loop = GLib.MainLoop()
camera = Camera(sys.argv[1])
server = server(camera, sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
print(server.get_bound_port(), flush=True)
threading.Thread(target=camera.listen, daemon=True).start()
loop.run()
