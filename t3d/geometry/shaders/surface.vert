#version 330 core
// One corner of a face, seen from one of its sides. pyrender names the attributes and sets V and P.

layout(location = 0) in vec3 position;
layout(location = NORMAL_LOC) in vec3 normal;
layout(location = TEXCOORD_0_LOC) in vec2 texcoord;
layout(location = TEXCOORD_1_LOC) in vec2 light_and_cutoff;
layout(location = COLOR_0_LOC) in vec4 color;

uniform mat4 V;
uniform mat4 P;

out vec3 camera_normal;
out vec2 uv;
out float light;
out float cutoff;
out vec4 linear_color;

void main()
{
    gl_Position = P * V * vec4(position, 1.0);
    camera_normal = mat3(V) * normal;
    uv = texcoord;
    light = light_and_cutoff.x;
    cutoff = light_and_cutoff.y;
    linear_color = color;
}
