#version 330 core
// What a pixel shows of a surface: the lit colour, or one of OUTPUT_COVERAGE, OUTPUT_ALBEDO, OUTPUT_NORMALS.

struct Material { sampler2D base_color_texture; };
uniform Material material;

in vec3 camera_normal;
in vec2 uv;
in float light;
in float cutoff;  // alpha below it is a hole, the rest opaque; above 1: mixed with what is behind
in vec4 linear_color;

out vec4 frag_color;

vec3 decoded(vec3 srgb)
{
    return mix(srgb / 12.92, pow((srgb + 0.055) / 1.055, vec3(2.4)), step(0.04045, srgb));
}

vec3 encoded(vec3 linear)
{
    vec3 inside = clamp(linear, 0.0, 1.0);
    return mix(inside * 12.92, 1.055 * pow(inside, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, inside));
}

void main()
{
    vec4 color = linear_color;
#ifdef HAS_BASE_COLOR_TEX
    vec4 texel = texture(material.base_color_texture, uv);
    color *= vec4(decoded(texel.rgb), texel.a);
#endif
    if (color.a < cutoff && cutoff <= 1.0 || color.a <= 0.0 && cutoff > 1.0) discard;
    float alpha = cutoff > 1.0 ? color.a : 1.0;
#ifdef OUTPUT_LIGHT
    frag_color = vec4(encoded(color.rgb * light), alpha);
#endif
#ifdef OUTPUT_COVERAGE
    frag_color = vec4(1.0, 1.0, 1.0, alpha);
#endif
#ifdef OUTPUT_ALBEDO
    frag_color = vec4(encoded(color.rgb), 1.0);
#endif
#ifdef OUTPUT_NORMALS
    frag_color = vec4(0.5 + 0.5 * normalize(camera_normal), 1.0);
#endif
}
