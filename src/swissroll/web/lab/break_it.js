/** Nothing is shown here yet. */
export function mount() {}
