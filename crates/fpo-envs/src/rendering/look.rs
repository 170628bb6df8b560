//! What is to be seen of a model besides its shapes: sky, floor, light and colours.
//!
//! The models of the tasks hold physics alone. Here the same MJCF is compiled a second time for
//! pictures and decorated; the model that is simulated never sees any of this, so that no bit of an
//! episode depends on it. Where a model brings a light, a sky or colours of its own, these stay.

use mujoco_rs::wrappers::mj_editing::{MjSpec, MjtBuiltin, MjtMark};
use mujoco_rs::wrappers::mj_model::{
    MjModel, MjtCamLight, MjtGeomBase, MjtLightType, MjtObjBase, MjtTexture, MjtTextureRoleBase,
};
use mujoco_rs::wrappers::{SpecElement, SpecItem};

use super::view::{Follows, View, floor_drop, views};
use crate::error::EnvError;
use crate::simulation::compile::require_version;
use crate::simulation::mujoco_task::MujocoTask;

/// Names of what is added, which no model of a task has.
const SKY: &str = "fpo_sky";
const FLOOR: &str = "fpo_floor";

/// Colours, each red, green and blue from 0 to 1.
const SKY_ABOVE: [f64; 3] = [0.42, 0.60, 0.80];
const SKY_BELOW: [f64; 3] = [0.90, 0.94, 0.98];
const FLOOR_DARK: [f64; 3] = [0.34, 0.41, 0.49];
const FLOOR_LIGHT: [f64; 3] = [0.41, 0.48, 0.56];
const FLOOR_LINE: [f64; 3] = [0.56, 0.63, 0.70];
/// Colours with opacity.
const BODY: [f32; 4] = [0.93, 0.58, 0.22, 1.0];
/// The farther one of two limbs that hide each other.
const BODY_BEHIND: [f32; 4] = [0.70, 0.38, 0.16, 1.0];
const DETAIL: [f32; 4] = [0.16, 0.16, 0.18, 1.0];
const FIXED: [f32; 4] = [0.62, 0.66, 0.71, 1.0];
const TARGET: [f32; 4] = [0.13, 0.72, 0.52, 1.0];
/// The colour of a geom, site or tendon that was given none.
const UNSET: [f32; 4] = [0.5, 0.5, 0.5, 1.0];

/// Direction of the light, in metres: from behind the usual cameras, from above and a little left.
const LIGHT: [f64; 3] = [0.35, 0.55, -1.0];
/// Group of what is not drawn; a scene shows groups 0 to 2.
const HIDDEN: i32 = 4;
/// Tiles of the floor along half the usual distance of the camera.
const TILES: f64 = 3.0;

/// Compiles the model of `task` for pictures of at most `width` × `height` pixels.
pub(super) fn dressed(task: &dyn MujocoTask, width: u32, height: u32) -> Result<MjModel, EnvError> {
    let failed = |what: String| EnvError::Mujoco { task: task.spec().name, what };
    require_version(task)?;
    let mut spec =
        MjSpec::from_xml_string(task.xml()).map_err(|error| failed(error.to_string()))?;
    let view = views(task.domain()).first();
    let size = view.map_or(1.0, |view| view.distance / 2.0);
    decorate(&mut spec, task.domain(), size).map_err(|error| failed(error.to_string()))?;
    let mut model = spec.compile().map_err(|error| failed(error.to_string()))?;
    task.patch(&mut model)?;
    if let Some(view) = view {
        let statistics = model.stat_mut();
        (statistics.extent, statistics.center) = (size, view.at);
    }
    let visual = model.vis_mut();
    (visual.global.offwidth, visual.global.offheight) = (width as i32, height as i32);
    visual.quality.shadowsize = 2048;
    // The edge of what the light reaches is speckled, so it must lie outside the picture.
    visual.map.shadowclip = 3.0;

    visual.headlight.ambient = [0.38; 3];
    visual.headlight.diffuse = [0.32; 3];
    visual.headlight.specular = [0.05; 3];
    let [red, green, blue] = SKY_BELOW.map(|part| part as f32);
    visual.rgba.haze = [red, green, blue, 1.0];
    colour(&mut model);
    Ok(model)
}

type Edited = Result<(), mujoco_rs::error::MjEditError>;

/// Adds sky, floor and light where the model has none.
fn decorate(spec: &mut MjSpec, domain: &str, size: f64) -> Edited {
    let view = views(domain).first();
    let is_sky = |kind: &MjtTexture| *kind == MjtTexture::mjTEXTURE_SKYBOX;
    if !spec.texture_iter().any(|texture| is_sky(&texture.type_())) {
        let sky = spec.add_texture();
        sky.set_name(SKY)?;
        sky.set_type(MjtTexture::mjTEXTURE_SKYBOX);
        sky.set_builtin(MjtBuiltin::mjBUILTIN_GRADIENT);
        sky.with_rgb1(SKY_ABOVE).with_rgb2(SKY_BELOW);
        sky.set_width(256);
        sky.set_height(6 * 256);
    }
    let tiles = spec.add_texture();
    tiles.set_name(FLOOR)?;
    tiles.set_type(MjtTexture::mjTEXTURE_2D);
    tiles.set_builtin(MjtBuiltin::mjBUILTIN_CHECKER);
    tiles.set_mark(MjtMark::mjMARK_EDGE);
    tiles.with_rgb1(FLOOR_DARK).with_rgb2(FLOOR_LIGHT).with_markrgb(FLOOR_LINE);
    tiles.set_width(512);
    tiles.set_height(512);
    let floor = spec.add_material();
    floor.set_name(FLOOR)?;
    floor.set_texture(MjtTextureRoleBase::mjTEXROLE_RGB, FLOOR);
    floor.set_texuniform(true);
    let repeat = (TILES / (2.0 * size)) as f32;
    floor.with_texrepeat([repeat, repeat]);
    for geom in spec.geom_iter_mut() {
        let is_plane = geom.type_() == MjtGeomBase::mjGEOM_PLANE;
        if is_plane && !geom.name().starts_with("wall") && geom.material().is_empty() {
            geom.set_material(FLOOR);
            // A floor without an edge: nothing collides with it in this model.
            if geom.name() != "table" {
                geom.with_size([0.0, 0.0, 1.0]);
                geom.pos_mut()[2] -= floor_drop(domain);
            }
        }
    }
    if spec.light_iter().next().is_none() {
        let (followed, at) = match view {
            Some(View { follows: Follows::Body(name), .. }) => (spec.body_mut(name), [0.0; 3]),
            Some(view) => (None, view.at),
            None => (None, [0.0; 3]),
        };
        let moves = followed.is_some();
        let body = match followed {
            Some(body) => body,
            None => spec.world_body_mut(),
        };
        let light = body.add_light();
        light.set_type(MjtLightType::mjLIGHT_DIRECTIONAL);
        if moves {
            light.set_mode(MjtCamLight::mjCAMLIGHT_TRACKCOM);
        }
        // A shadow falls only where the light's axis passes by.
        let above: [f64; 3] = std::array::from_fn(|i| at[i] - 3.0 * size * LIGHT[i]);
        light.with_pos(above).with_dir(LIGHT);
        light.with_diffuse([0.55; 3]).with_specular([0.15; 3]);
        light.set_castshadow(true);
    }
    Ok(())
}

/// Colours what has no colour and no material, by what it is.
fn colour(model: &mut MjModel) {
    for geom in 0..model.ngeom() as usize {
        if model.geom_rgba()[geom] != UNSET || model.geom_matid()[geom] >= 0 {
            continue;
        }
        let name = model.id_to_name(MjtObjBase::mjOBJ_GEOM, geom).unwrap_or("").to_owned();
        let body = model.geom_bodyid()[geom] as usize;
        let is_target = name == "target" || model.body_mocapid()[body] >= 0;
        model.geom_rgba_mut()[geom] = match name.as_str() {
            _ if is_target => TARGET,
            _ if body == 0 => FIXED,
            "eye" | "eyes" | "mouth" | "jaw" | "nose" | "axle" | "knuckle" => DETAIL,
            name if name.starts_with("left_") || name.starts_with("back_") => BODY_BEHIND,
            _ => BODY,
        };
        // The ball that gives the fish its mass is wider than the fish.
        if name == "ballast" {
            model.geom_group_mut()[geom] = HIDDEN;
        }
    }
    for site in 0..model.nsite() as usize {
        match model.id_to_name(MjtObjBase::mjOBJ_SITE, site) {
            Some("target") => model.site_rgba_mut()[site] = TARGET,
            Some("tip") => model.site_rgba_mut()[site] = DETAIL,
            _ => model.site_group_mut()[site] = HIDDEN,
        }
    }
    for tendon in 0..model.ntendon() as usize {
        model.tendon_rgba_mut()[tendon] = DETAIL;
    }
}
