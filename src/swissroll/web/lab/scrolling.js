// Regions that scroll, as long as there is more of them than is seen.

/** Pixels that a region may be scrolled without a picture of it that differs. */
const ROUNDING = 1;

/**
 * Let keys reach a region that has more than is seen; else it is no stop on Tab's way.
 * @param {HTMLElement} region that scrolls; it has a name, for those who do not see it
 */
export function letKeysScroll(region) {
  const update = () => {
    const hasMore = region.scrollWidth > region.clientWidth || region.scrollHeight > region.clientHeight;
    region.tabIndex = hasMore ? 0 : -1;
  };
  const observer = new ResizeObserver(update);
  for (const element of [region, ...region.children]) observer.observe(element);
}

/**
 * Say in `data-more` at which ends of a strip there is more of it, for its look: "start", "end", or both.
 * @param {HTMLElement} strip that scrolls sideways
 */
export function tellWhereMore(strip) {
  const update = () => {
    const { scrollLeft, scrollWidth, clientWidth } = strip;
    const more = [];
    if (scrollLeft > ROUNDING) more.push("start");
    if (scrollLeft + clientWidth < scrollWidth - ROUNDING) more.push("end");
    strip.dataset.more = more.join(" ");
  };
  strip.addEventListener("scroll", update, { passive: true });
  const observer = new ResizeObserver(update);
  observer.observe(strip);
  for (const item of strip.children) observer.observe(item);
}
