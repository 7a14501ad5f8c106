/**
 * Mistakes that a run can be trained with: the commonest of the exercise's catalogue, as students write them.
 *
 * @typedef {object} Mistake
 * @property {string} id For `settings.mistake`.
 * @property {string} name
 * @property {string} wrong The wrong line, in Python.
 * @property {string} right The line that it should be.
 * @property {string} effect What is seen of it.
 * @property {string} hint A question that leads to it.
 * @property {string} place Where the wrong line is.
 * @property {string} catalogue Its id in `swissroll.exercise.misconceptions`.
 */

/** @type {Mistake[]} In the kernel's order. */
export const MISTAKES = [
  {
    id: "shared_noise",
    name: "All points of a batch share one draw",
    wrong: "eps = torch.randn(1, mu.shape[1])",
    right: "eps = torch.randn_like(std)",
    effect: "All codes of a batch move together, so the decoder does not learn to keep neighbours apart.",
    hint: "How many random numbers does a batch of B points in L dimensions need? Count those that are drawn.",
    place: "the draw of z",
    catalogue: "noise-shared-by-batch",
  },
  {
    id: "variance_as_std",
    name: "The variance stands where the standard deviation should",
    wrong: "std = torch.exp(logvar)",
    right: "std = torch.exp(0.5 * logvar)",
    effect: "The draws are not from the posterior whose KL is paid for: narrow ones are drawn still narrower.",
    hint: "At logvar = log 4, which spread should the draws have?",
    place: "the draw of z",
    catalogue: "std-is-variance",
  },
  {
    id: "half_missing",
    name: "The factor 1/2 of the KL is missing",
    wrong: "kl_loss = -torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
    right: "kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
    effect: "The same as twice the beta: reconstructions are blurred more than they need to be.",
    hint: "What is the KL of N(1, 1) from N(0, 1)? Compare with the value that the line gives.",
    place: "the KL term",
    catalogue: "kl-no-half",
  },
  {
    id: "kl_sign",
    name: "The KL has the wrong sign",
    wrong: "kl_loss = 0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
    right: "kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
    effect: "Posteriors are pushed away from the prior without end: the loss falls below 0, and then breaks.",
    hint: "A KL divergence is never negative. Is that so here, and does the loss go down for ever?",
    place: "the KL term",
    catalogue: "kl-sign-turned",
  },
  {
    id: "no_noise",
    name: "No noise is drawn",
    wrong: "z = mu",
    right: "z = mu + eps * std",
    effect: "An autoencoder with a penalty: the decoder is undefined between the codes, and samples stray.",
    hint: "Encode one point twice. Should the two draws be equal?",
    place: "the draw of z",
    catalogue: "returns-mean",
  },
  {
    id: "relu_on_head",
    name: "A ReLU on mu",
    wrong: "mu = F.relu(self.fc_mu(h))",
    right: "mu = self.fc_mu(h)",
    effect: "Only one quarter of the latent plane is used, and the prior draws from all of it.",
    hint: "Which values can a mean have? Where in the latent plane do the codes lie?",
    place: "the encoder",
    catalogue: "mean-relu",
  },
  {
    id: "sum_for_mean",
    name: "The KL is summed over the batch, and the error is averaged",
    wrong: "kl_loss = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())",
    right: "kl_loss = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())",
    effect: "The KL weighs as much as with a beta some hundred times as large: the posterior collapses.",
    hint: "What happens to each term of the loss when the batch becomes twice as large?",
    place: "the KL term",
    catalogue: "kl-summed-over-batch",
  },
  {
    id: "no_trick",
    name: "The draw has no gradient",
    wrong: "z = torch.distributions.Normal(mu, std).sample()",
    right: "z = torch.distributions.Normal(mu, std).rsample()",
    effect: "The encoder never hears of the error: only the KL moves it, and it collapses.",
    hint: "Look at the gradient of the reconstruction error by the encoder's weights. Is there one?",
    place: "the draw of z",
    catalogue: "sample-without-gradient",
  },
];

/** Ids of the mistakes, in the kernel's order. */
export const MISTAKE_IDS = MISTAKES.map(({ id }) => id);
