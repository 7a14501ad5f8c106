// A region that scrolls is reached by keys as long as there is more of it than is seen, and else is no stop on Tab's way.

/**
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
