/** @import {Manifest} from "../types" */

/** @typedef {{title: string, share?: boolean, unit?: string, study?: boolean}} Shown `share`: in per cent; `study`: a metric of disentanglement research */

/** The field's name of each metric, in the order in which they are shown. @type {Record<string, Shown>} */
const TITLES = {
  attribute_accuracy: { title: "Attribute accuracy", share: true },
  knn_accuracy: { title: "10-NN accuracy", share: true },
  linear_probe: { title: "Linear probe", share: true },
  swap_test: { title: "Swap test (worst pair)", share: true },
  drawn_iou: { title: "IoU", share: true },
  condition_fidelity: { title: "Condition fidelity", share: true },
  borders: { title: "Path purity", share: true },
  interpolation: { title: "Interpolation accuracy", share: true },
  diversity: { title: "Diversity within a class", share: true },
  elbo: { title: "ELBO", unit: "nats" },
  nll: { title: "NLL", unit: "nats" },
  reconstruction: { title: "Reconstruction error", unit: "nats" },
  kl: { title: "KL", unit: "nats" },
  active_units: { title: "Active units" },
  collapse: { title: "Unused latents", share: true },
  mig: { title: "MIG", study: true },
  sap: { title: "SAP", study: true },
  dci: { title: "DCI", study: true },
  modularity: { title: "Modularity", study: true },
  explicitness: { title: "Explicitness", study: true },
  infomec: { title: "InfoMEC", study: true },
  infom: { title: "InfoM", study: true },
  infoc: { title: "InfoC", study: true },
  infoe: { title: "InfoE", study: true },
  irs: { title: "IRS", study: true },
  mcc: { title: "MCC", study: true },
  udr: { title: "UDR", study: true },
  jemmig: { title: "JEMMIG", study: true },
  dcimig: { title: "DCIMIG", study: true },
  mig_sup: { title: "MIG-sup", study: true },
  posterior_mig: { title: "Posterior MIG", study: true },
  posterior_jemmig: { title: "Posterior JEMMIG", study: true },
  beta_vae_score: { title: "BetaVAE score", study: true },
  factor_vae_score: { title: "FactorVAE score", study: true },
  z_min_variance: { title: "Z-min variance", study: true },
  z_max_variance: { title: "Z-max variance", study: true },
  sepin: { title: "WSEPIN", unit: "nats", study: true },
  elbo_split: { title: "ELBO split: total correlation", unit: "nats", study: true },
  iwae_bound: { title: "IWAE bound", unit: "nats", study: true },
  total_correlation: { title: "Total correlation", unit: "nats", study: true },
  wasserstein_correlation: { title: "Wasserstein correlation", study: true },
  mutual_information: { title: "Mutual information", study: true },
  code_mutual_information: { title: "Mutual information of latents", unit: "nats", study: true },
  downstream: { title: "Downstream accuracy", study: true },
  reduced_downstream: { title: "Reduced downstream", study: true },
  strong_downstream: { title: "Strong downstream", study: true },
  fairness: { title: "Unfairness", study: true },
  flatness: { title: "Flatness", study: true },
  linearity: { title: "Linearity", study: true },
  linear_factor: { title: "Linear R²", study: true },
  strongest_latent: { title: "Strongest latent", study: true },
};

/** The names of the metrics that have one, in their order. */
export const METRIC_NAMES = Object.keys(TITLES);

/**
 * What is shown of a metric: its name, and what it says about itself. Those of other packages are studies, too.
 * @param {Manifest} manifest
 * @param {string} name
 * @returns {Shown & {about: string, better: string}}
 */
export function metricOf(manifest, name) {
  const own = Object.hasOwn(manifest.metrics, name) ? manifest.metrics[name] : null;
  const shown = Object.hasOwn(TITLES, name) ? TITLES[name] : { title: name, study: true };
  return { ...shown, about: own ? [own.summary, own.range && !shown.share && !shown.unit && `Range: ${own.range}.`].filter(Boolean).join(" ") : "", better: own?.better ?? "neither" };
}
