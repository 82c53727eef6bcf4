import { OWN_COLOUR } from './colours.js';
import { GREY } from './window.js';

// One program draws everything: a tile of lines as a rectangle, its samples windowed, filtered and coloured per pixel of
// the screen. The samples themselves are never changed.

export const VERTEX = `#version 300 es
uniform vec4 u_core;      // of the tile: first line, first element, lines, elements, in picture coordinates
uniform mat3x2 u_screen;  // picture coordinates to clip space
uniform vec2 u_step;      // lines and elements to a pixel of the screen
void main() {
  // A pixel more on each side: which of them show the tile is decided for each.
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  vec2 point = u_core.xy - u_step + corner * (u_core.zw + 2.0 * u_step);
  gl_Position = vec4(u_screen * vec3(point, 1.0), 0.0, 1.0);
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D u_samples;  // row = line, in it all low samples, then all high ones; or red, green, blue
uniform usampler2D u_states;   // of each line, 0 = there is none
uniform usampler2D u_means;    // of blocks of u_block x u_block samples
uniform usampler2D u_classes;   // of each sample
uniform vec3 u_palette[5];
uniform ivec2 u_origin;        // line and element of the texture's first sample
uniform ivec2 u_size;          // lines and elements in it
uniform ivec2 u_means_origin;
uniform ivec2 u_means_size;
uniform int u_energies;
uniform int u_block;
uniform vec2 u_step;           // lines and elements to a pixel of the screen
uniform bool u_raw;
uniform bool u_smooth;
uniform int u_energy;          // 0 both, 1 low, 2 high
uniform int u_scheme;          // 0 grey, 1 material, 2 hot, 3 rainbow, 4 the picture's own
uniform int u_only;            // 0 all, 1 organic, 2 inorganic
uniform bool u_invert;
uniform float u_edge;
uniform float u_contrast;
uniform vec2 u_window;         // centre, width
uniform float u_air;
uniform vec4 u_core;           // of the tile: first line, first element, lines, elements
uniform vec2 u_zero;           // pixel of the screen where the picture's corner stands
uniform mat2 u_back;           // pixels of the screen to lines and elements
out vec4 colour;

// Beyond the picture's edge stands the edge.
uvec3 raw(ivec2 place) {
  ivec2 inside = clamp(max(place, ivec2(0)) - u_origin, ivec2(0), u_size - 1);
  uint low = texelFetch(u_samples, inside.yx, 0).r;
  if (u_energies == 1) return uvec3(low);
  uint high = texelFetch(u_samples, ivec2(inside.y + u_size.y, inside.x), 0).r;
  if (u_energies == 2) return uvec3(low, high, 0u);
  return uvec3(low, high, texelFetch(u_samples, ivec2(inside.y + 2 * u_size.y, inside.x), 0).r);
}

vec3 at(ivec2 place) { return vec3(raw(place)) / u_air; }

// Shrunk, a pixel of the screen is the mean of what it covers; enlarged, it lies between its four neighbours.
vec3 read(vec2 point) {
  if (u_step.x > 1.01 || u_step.y > 1.01) {
    ivec2 n = clamp(ivec2(ceil(u_step - 0.01)), ivec2(1), ivec2(4));
    vec3 sum = vec3(0.0);
    for (int i = 0; i < n.x; i++) {
      for (int j = 0; j < n.y; j++) {
        vec2 part = (vec2(i, j) + 0.5) / vec2(n) - 0.5;
        sum += at(ivec2(floor(point + part * u_step)));
      }
    }
    return sum / float(n.x * n.y);
  }
  if (!u_smooth) return at(ivec2(floor(point)));
  vec2 from = point - 0.5;
  ivec2 corner = ivec2(floor(from));
  vec2 part = from - floor(from);
  vec3 near = mix(at(corner), at(corner + ivec2(0, 1)), part.y);
  vec3 far = mix(at(corner + ivec2(1, 0)), at(corner + ivec2(1, 1)), part.y);
  return mix(near, far, part.x);
}

${OWN_COLOUR}

float pick(vec3 pair) {
  if (u_energies == 3) return dot(pair, LUMA);
  return u_energy == 0 ? sqrt(pair.x * pair.y) : u_energy == 1 ? pair.x : pair.y; // the mean of both absorptions
}

vec3 mean_at(ivec2 block) {
  ivec2 inside = clamp(block - u_means_origin, ivec2(0), u_means_size - 1);
  float low = float(texelFetch(u_means, inside.yx, 0).r);
  if (u_energies == 1) return vec3(low) / u_air;
  float high = float(texelFetch(u_means, ivec2(inside.y + u_means_size.y, inside.x), 0).r);
  if (u_energies == 2) return vec3(low, high, 0.0) / u_air;
  return vec3(low, high, float(texelFetch(u_means, ivec2(inside.y + 2 * u_means_size.y, inside.x), 0).r)) / u_air;
}

float surroundings(vec2 point) {
  vec2 from = point / float(u_block) - 0.5;
  ivec2 corner = ivec2(floor(from));
  vec2 part = smoothstep(0.0, 1.0, from - floor(from));
  vec3 near = mix(mean_at(corner), mean_at(corner + ivec2(0, 1)), part.y);
  vec3 far = mix(mean_at(corner + ivec2(1, 0)), mean_at(corner + ivec2(1, 1)), part.y);
  return pick(mix(near, far, part.x));
}

// Differences to the surroundings grow, the surroundings' own absorption shrinks, both as logarithms: what is faint
// becomes visible in dense and in light parts at once, and air stays air.
float local_contrast(float value, vec2 point) {
  float mine = log(max(value, 0.002));
  float around = log(max(surroundings(point), 0.002));
  return exp(around * (1.0 - 0.5 * u_contrast) + (mine - around) * (1.0 + u_contrast));
}

float grey(float part) { return u_raw ? ${GREY} : part; }

// How much a grey value differs from its four neighbours'.
float edge(float value, vec2 point) {
  vec2 reach = max(u_step, vec2(1.0));
  float around = grey(pick(read(point + vec2(reach.x, 0.0)))) + grey(pick(read(point - vec2(reach.x, 0.0))))
    + grey(pick(read(point + vec2(0.0, reach.y)))) + grey(pick(read(point - vec2(0.0, reach.y))));
  return grey(value) - 0.25 * around;
}

vec3 hot(float v) { return clamp(vec3(3.0 * v, 3.0 * v - 1.0, 3.0 * v - 2.0), 0.0, 1.0); }

vec3 rainbow(float v) {
  vec3 hue = clamp(abs(fract(vec3(0.72 * v) + vec3(0.0, 2.0 / 3.0, 1.0 / 3.0)) * 6.0 - 3.0) - 1.0, 0.0, 1.0);
  return hue * clamp(4.0 * v + 0.15, 0.0, 1.0);
}

// The class gives the hue, the transmission how light it is. Classes that are left out stay as a pale shadow.
vec3 material(float v, vec2 point) {
  if (u_energies != 2) return vec3(v);
  ivec2 inside = clamp(max(ivec2(floor(point)), ivec2(0)) - u_origin, ivec2(0), u_size - 1);
  int code = min(int(texelFetch(u_classes, inside.yx, 0).r), 4);
  vec3 hue = u_palette[code];
  bool kept = u_only == 0 || (u_only == 1 && code == 1) || (u_only == 2 && (code == 3 || code == 4));
  if (!kept) return vec3(u_invert ? 0.25 * v : 0.75 + 0.25 * v);
  if (code == 0 || code == 4) return vec3(v);
  return v < 0.5 ? hue * (v * 2.0) : mix(hue, vec3(1.0), v * 2.0 - 1.0);
}

void main() {
  // The same arithmetic wherever the picture stands, so that one that was moved is the same as one that was drawn there.
  vec2 point = u_back * (gl_FragCoord.xy - u_zero);
  vec2 within = point - u_core.xy;
  if (any(lessThan(within, vec2(0.0))) || any(greaterThanEqual(within, u_core.zw))) discard;
  int line = clamp(int(floor(point.x)) - u_origin.x, 0, u_size.x - 1);
  if (texelFetch(u_states, ivec2(0, line), 0).r == 0u) discard;
  vec3 pair = read(point);
  float value = pick(pair);
  float shown = grey(u_contrast > 0.0 ? local_contrast(value, point) : value);
  if (u_edge > 0.0) shown += u_edge * edge(value, point);
  float v = clamp((shown - u_window.x) / u_window.y + 0.5, 0.0, 1.0);
  if (u_invert) v = 1.0 - v;
  vec3 rgb = vec3(v);
  if (u_scheme == 1) rgb = material(v, point);
  else if (u_scheme == 2) rgb = hot(v);
  else if (u_scheme == 3) rgb = rainbow(v);
  else if (u_scheme == 4) rgb = own(pair, v);
  colour = vec4(rgb, 1.0);
}`;
