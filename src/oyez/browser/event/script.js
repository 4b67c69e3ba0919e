// The script element that this is, or null in a module. A browser tells only while the script runs for the first time.
export const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
