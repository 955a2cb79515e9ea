"""What runs in the page when a reader opens a block in 3D, and how it looks.

It works on the figure that it stands in, so that several can stand on a page: no ids, no names outside. NiiVue is
fetched when the button is pressed, from the site itself; the voxels are in the figure already, so that the page also
works as a file.
"""

SCRIPT = "_static/niivue/niivue.umd.js"  # where scripts/vendor_js.py and the site put it

OPEN = """
(async (f, b) => {
  const say = text => { f.querySelector('output').textContent = text };
  const stay = why => { b.disabled = false; say(why + ' The planes above show the same.') };
  const root = document.documentElement.dataset.content_root;
  if (root === undefined) return stay('3D opens on the built site; at a kernel, use the viewer above.');
  if (!document.createElement('canvas').getContext('webgl2'))
    return stay('This browser or device has no WebGL 2, which 3D needs.');
  b.disabled = true;
  say('Fetching the viewer …');
  const fetched = window.niivue ? true : await new Promise(done => {
    const s = document.createElement('script');
    s.src = root + 'SCRIPT';
    s.onload = () => done(!!window.niivue);
    s.onerror = () => { s.remove(); done(false) };
    document.head.append(s);
  });
  if (!fetched) return stay('The viewer could not be fetched: this copy of the site lacks it, or is out of reach.');
  const stage = f.querySelector('.stage'), set = name => f.querySelector('[data-set=' + name + ']');
  const block = JSON.parse(f.dataset.block);
  stage.hidden = false;
  try {
    const nv = new niivue.Niivue({
      isRadiologicalConvention: true, sagittalNoseLeft: true, multiplanarLayout: 2, multiplanarShowRender: 1,
      showLegend: false, clipPlaneColor: [0, 0, 0, 0], crosshairWidth: 0.5, loadingText: '', logLevel: 'error',
      dragAndDropEnabled: false, scrollRequiresFocus: true,
      viewModeHotKey: '', clipPlaneHotKey: '', cycleClipPlaneHotKey: '',
    });
    await nv.attachToCanvas(f.querySelector('canvas'));
    const made = (base64, more) => niivue.NVImage.loadFromBase64({ base64, name: 'block.nii.gz', ...more });
    nv.addVolume(await made(block.image, { colormap: 'gray', cal_min: 0, cal_max: 255 }));
    for (const layer of block.layers) {
      const labels = await made(layer, { opacity: 0 });
      labels.setColormapLabel(block.colours);
      nv.addVolume(labels);
    }
    nv.scene.crosshairPos = nv.mm2frac(block.at);
    nv.setScale(1.3);
    nv.onAzimuthElevationChange = (turn, tilt) => {
      set('turn').value = (turn % 360 + 360) % 360;
      set('tilt').value = tilt;
    };
    f.nv = nv;
  } catch (error) {
    stage.hidden = true;
    return stay('The viewer could not show the volume (' + error.message + ').');
  }
  for (const name of ['labels', 'turn', 'view']) set(name).dispatchEvent(new Event('input', { bubbles: true }));
  b.hidden = true;
  set('view').focus();
  say('');
})(this.closest('figure'), this)
""".replace("SCRIPT", SCRIPT)

MOVED = """
const f = this.closest('figure'), nv = f.nv, t = event.target, moved = t.dataset.set;
const set = name => (f.querySelector('[data-set=' + name + ']') || { value: '1' }).value;
if (t.dataset.unit) t.setAttribute('aria-valuetext', t.value + ' ' + t.dataset.unit);
if (moved === 'view') nv.setSliceType(+set('view'));
if (/turn|tilt/.test(moved)) nv.setRenderAzimuthElevation(+set('turn'), +set('tilt'));
if (/cut|side/.test(moved))
  nv.setClipPlane([+set('cut') ? 0.5 - set('cut') / 100 : 2, ...set('side').split(' ').map(Number)]);
if (moved === 'brain') nv.setOpacity(0, set('brain') / 100);
if (/labels|layer/.test(moved))
  for (let k = 1; k < nv.volumes.length; k++) nv.setOpacity(k, +set('layer') === k ? set('labels') / 100 : 0);
"""

RULES = """
figure.volume .card { max-width: 654px; color: #222; color-scheme: light; }
figure.volume button, figure.volume select { font: inherit; }
figure.volume button { padding: 0.3em 0.9em; width: auto; cursor: pointer; }
figure.volume button[hidden] + .offer { display: none; }
figure.volume .canvas { position: relative; height: min(430px, 75vh); background: #000; border-radius: 4px; }
figure.volume canvas { position: absolute; inset: 0; width: 100%; height: 100%; border-radius: 4px; }
figure.volume .controls { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 0.3em 1em; }
figure.volume .controls { margin-top: 0.5em; }
figure.volume .controls label { display: flex; gap: 0.5em; align-items: center; white-space: nowrap; }
figure.volume .controls :is(input, select) { flex: 1; min-width: 0; }
figure.volume output:not(:empty) { display: block; margin-top: 0.5em; }
"""
