// Meshes that can be turned, by pointer or arrow keys. One WebGL context draws them all, and each canvas keeps a copy;
// without WebGL the still pictures stay. Frame and lens are those of the drawn pictures: y up, the front towards -z.
(() => {
  "use strict";
  const stage = document.createElement("canvas");
  const gl = stage.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
  if (!gl) return;

  const VERTEX = `#version 300 es
    in vec3 point; in vec3 color; uniform mat3 turn; out vec3 seen; out vec3 tint;
    void main() {
      seen = turn * point; tint = color;
      float depth = 2.45 - seen.z;
      gl_Position = vec4(seen.xy * 35.0 / 16.0, (depth - 2.45) * depth / 1.5, depth);
    }`;
  const FRAGMENT = `#version 300 es
    precision highp float; in vec3 seen; in vec3 tint; out vec4 ink;
    void main() {
      vec3 normal = normalize(cross(dFdx(seen), dFdy(seen)));
      ink = vec4(tint * (0.45 + 0.6 * abs(normal.z)), 1.0);
    }`;

  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return;
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  function attribute(name, data, type) {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    const place = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, type, true, 0, 0);
  }

  function load(image) {
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    attribute("point", bytes(image.dataset.points), gl.SHORT);
    attribute("color", bytes(image.dataset.colors), gl.UNSIGNED_BYTE);
    const faces = bytes(image.dataset.faces);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, faces, gl.STATIC_DRAW);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 2 * image.width;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${image.alt}; drag it or use the arrow keys to turn it`);
    image.replaceWith(canvas);
    return { canvas, array, indices: faces.length / 2 };
  }

  function draw(solid, yaw, pitch) {
    const [c, s, k, l] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    stage.width = stage.height = solid.canvas.width;
    gl.viewport(0, 0, stage.width, stage.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix3fv(gl.getUniformLocation(program, "turn"), false, [c, s * l, -s * k, 0, k, l, s, -c * l, c * k]);
    gl.bindVertexArray(solid.array);
    gl.drawElements(gl.TRIANGLES, solid.indices, gl.UNSIGNED_SHORT, 0);
    const pen = solid.canvas.getContext("2d");
    pen.clearRect(0, 0, stage.width, stage.height);
    pen.drawImage(stage, 0, 0);
  }

  for (const group of document.querySelectorAll("[data-turnable]")) {
    const solids = [...group.querySelectorAll("img[data-faces]")].map(load);
    let [yaw, pitch] = [Math.PI * (1 - 35 / 180), (22 * Math.PI) / 180];
    const turn = (across, down) => {
      yaw += across;
      pitch = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, pitch + down));
      for (const solid of solids) draw(solid, yaw, pitch);
    };
    const keys = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    for (const { canvas } of solids) {
      canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
      canvas.addEventListener("pointermove", (event) => {
        if (event.buttons) turn(event.movementX / 100, event.movementY / 100);
      });
      canvas.addEventListener("keydown", (event) => {
        if (!(event.key in keys)) return;
        event.preventDefault();
        turn(...keys[event.key]);
      });
    }
    turn(0, 0);
  }
})();
